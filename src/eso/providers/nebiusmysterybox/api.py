"""The requests to MysteryBox: the payload of a secret, or one entry of it."""

from __future__ import annotations

from typing import Any, Final

from eso.errors import NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.grpccalls import GrpcServer, Method
from eso.providers.grpcmessages import message_types
from eso.providers.nebiusmysterybox.auth import RETRIED
from eso.providers.payload import Entry
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["Mysterybox"]

# Source: nebius/mysterybox/v1/payload.proto and payload_service.proto of nebius/api.
_MESSAGES: Final = message_types(
    "nebius.mysterybox.v1",
    """
    message Payload { string key = 1; oneof payload { string string_value = 12; bytes binary_value = 13; } }
    message GetPayloadRequest { string secret_id = 1; string version_id = 2; }
    message SecretPayload { string version_id = 1; repeated Payload data = 2; }
    message GetPayloadByKeyRequest { string secret_id = 1; string version_id = 2; string key = 3; }
    message SecretPayloadEntry { string version_id = 1; Payload data = 2; }
    """,
)
_SERVICE: Final = "/nebius.mysterybox.v1.PayloadService"
_GET: Final = Method(f"{_SERVICE}/Get", _MESSAGES["GetPayloadRequest"], _MESSAGES["SecretPayload"])
_GET_BY_KEY: Final = Method(
    f"{_SERVICE}/GetByKey", _MESSAGES["GetPayloadByKeyRequest"], _MESSAGES["SecretPayloadEntry"]
)


class Mysterybox:
    """Secrets of MysteryBox.

    Args:
        server: the service.
        tokens: what requests carry.
        calls: the metered way.
        opened: connections that are closed with this.
    """

    def __init__(
        self,
        server: GrpcServer,
        tokens: Renewed[SecretValue] | SecretValue,
        calls: ProviderCalls,
        opened: list[GrpcServer],
    ) -> None:
        self._server = server
        self._tokens = tokens
        self._calls = calls
        self._opened = opened

    async def entries(self, secret: str, version: str) -> list[Entry]:
        """All entries of a secret.

        Args:
            secret: its id.
            version: id of a version; empty for the primary one.

        Raises:
            NoSecretError: there is no such secret or version.
            ProviderError: an entry has a value of a kind that is not known.
        """
        request = _GET.request(secret_id=secret, version_id=version)
        what = f"{_named(secret, version)}: get secret"
        try:
            payload = await self._calls.read("GetSecret", (secret, version), lambda: self._call(_GET, request, what))
        except NoSecretError:
            raise NoSecretError(f"{_named(secret, version)} not found: Secret does not exist") from None
        return [_entry(found) for found in payload.data]

    async def entry(self, secret: str, version: str, key: str) -> Entry:
        """One entry of a secret; as `entries`.

        Raises:
            NoSecretError: there is no such secret, version or entry.
        """
        request = _GET_BY_KEY.request(secret_id=secret, version_id=version, key=key)
        what = f"{_named(secret, version)}: get secret by key"
        try:
            found = await self._calls.read(
                "GetSecretByKey", (secret, version, key), lambda: self._call(_GET_BY_KEY, request, what)
            )
        except NoSecretError:
            raise NoSecretError(f'key "{key}" not found in {_named(secret, version)}: Secret does not exist') from None
        if not found.HasField("data"):
            raise ProviderError(f"received nil data for key: {key}")
        return _entry(found.data)

    async def close(self) -> None:
        """Close the connections."""
        for server in self._opened:
            await server.close()

    async def _call(self, method: Method, request: Any, what: str) -> Any:
        return await self._server.call(method, request, what, tokens=self._tokens, retried=RETRIED)


def _named(secret: str, version: str) -> str:
    return f'version "{version}" of secret "{secret}"' if version else f'secret "{secret}"'


def _entry(payload: Any) -> Entry:
    kind = payload.WhichOneof("payload")
    if kind is None:
        raise ProviderError(f"payload type not supported, key: {payload.key}")
    return Entry(payload.key, getattr(payload, kind))
