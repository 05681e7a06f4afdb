"""The requests to Lockbox: the payload of one version of a secret."""

from __future__ import annotations

from typing import Final

from eso.errors import ProviderError
from eso.providers.grpccalls import Method
from eso.providers.grpcmessages import message_types
from eso.providers.payload import Entry
from eso.providers.yandexcloud import YandexService

__all__ = ["Lockbox"]

# Source: yandex/cloud/lockbox/v1/payload.proto and payload_service.proto of yandex-cloud/cloudapi.
_LOCKBOX: Final = message_types(
    "yandex.cloud.lockbox.v1",
    """
    message GetPayloadRequest { string secret_id = 1; string version_id = 2; }
    message Entry { string key = 1; oneof value { string text_value = 2; bytes binary_value = 3; } }
    message Payload { string version_id = 1; repeated Entry entries = 2; }
    message FolderAndName { string folder_id = 1; string secret_name = 2; }
    message GetExRequest {
        oneof identifier { string secret_id = 1; FolderAndName folder_and_name = 2; }
        string version_id = 21;
    }
    message GetExResponse { string secret_id = 1; string version_id = 2; map<string, bytes> entries = 3; }
    """,
)
_SERVICE: Final = "/yandex.cloud.lockbox.v1.PayloadService"
_GET: Final = Method(f"{_SERVICE}/Get", _LOCKBOX["GetPayloadRequest"], _LOCKBOX["Payload"])
_GET_EX: Final = Method(f"{_SERVICE}/GetEx", _LOCKBOX["GetExRequest"], _LOCKBOX["GetExResponse"])


class Lockbox:
    """Secrets of Lockbox.

    Args:
        service: the connection.
        folder: in which keys are names; empty where keys are ids.
    """

    def __init__(self, service: YandexService, folder: str) -> None:
        self._service = service
        self._folder = folder

    async def entries(self, key: str, version: str) -> list[Entry]:
        """The entries of a secret.

        Args:
            key: id of the secret, or its name in the folder.
            version: id of the version; empty for the current one.

        Raises:
            ProviderError: there is no such secret or version, or an entry has a value of a kind that is not known.
        """
        what = f"unable to request secret payload of {key}"
        if self._folder:
            place = {"folder_id": self._folder, "secret_name": key}
            request = _GET_EX.request(folder_and_name=place, version_id=version)
            named = await self._service.read("GetPayloadEx", (key, version), _GET_EX, request, what)
            return [Entry(name, value) for name, value in named.entries.items()]
        request = _GET.request(secret_id=key, version_id=version)
        payload = await self._service.read("GetPayload", (key, version), _GET, request, what)
        found = []
        for entry in payload.entries:
            kind = entry.WhichOneof("value")
            if kind is None:
                raise ProviderError(f"{what}: unsupported payload value type, key: {entry.key}")
            found.append(Entry(entry.key, getattr(entry, kind)))
        return found

    async def close(self) -> None:
        """Close the connection."""
        await self._service.close()
