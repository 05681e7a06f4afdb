"""The requests to Certificate Manager: the content of a certificate."""

from __future__ import annotations

from typing import Final, NamedTuple

from eso.providers.grpccalls import Method
from eso.providers.grpcmessages import message_types
from eso.providers.yandexcloud import YandexService

__all__ = ["Certificates", "Content"]

# Source: yandex/cloud/certificatemanager/v1/certificate_content_service.proto of yandex-cloud/cloudapi.
_MESSAGES: Final = message_types(
    "yandex.cloud.certificatemanager.v1",
    """
    message FolderAndName { string folder_id = 1; string certificate_name = 2; }
    message GetCertificateContentRequest { string certificate_id = 1; string version_id = 2; }
    message GetCertificateContentResponse {
        string certificate_id = 1;
        repeated string certificate_chain = 3;
        string private_key = 4;
    }
    message GetExCertificateContentRequest {
        oneof identifier { string certificate_id = 1; FolderAndName folder_and_name = 2; }
        string version_id = 21;
    }
    message GetExCertificateContentResponse {
        string certificate_id = 1;
        string version_id = 2;
        repeated string certificate_chain = 3;
        string private_key = 4;
    }
    """,
)
_SERVICE: Final = "/yandex.cloud.certificatemanager.v1.CertificateContentService"
_GET: Final = Method(
    f"{_SERVICE}/Get", _MESSAGES["GetCertificateContentRequest"], _MESSAGES["GetCertificateContentResponse"]
)
_GET_EX: Final = Method(
    f"{_SERVICE}/GetEx", _MESSAGES["GetExCertificateContentRequest"], _MESSAGES["GetExCertificateContentResponse"]
)


class Content(NamedTuple):
    """What a certificate consists of.

    Attributes:
        chain: PEM of the certificates, the leaf first.
        private_key: PEM.
    """

    chain: tuple[str, ...]
    private_key: str

    def __repr__(self) -> str:
        return f"Content({len(self.chain)} certificates)"


class Certificates:
    """Certificates of Certificate Manager.

    Args:
        service: the connection.
        folder: in which keys are names; empty where keys are ids.
    """

    def __init__(self, service: YandexService, folder: str) -> None:
        self._service = service
        self._folder = folder

    async def content(self, key: str, version: str) -> Content:
        """The content of a certificate.

        Args:
            key: id of the certificate, or its name in the folder.
            version: id of the version; empty for the current one.

        Raises:
            ProviderError: there is no such certificate or version.
        """
        what = f"unable to request certificate content of {key}"
        if self._folder:
            place = {"folder_id": self._folder, "certificate_name": key}
            request = _GET_EX.request(folder_and_name=place, version_id=version)
            answer = await self._service.read("GetCertificateContentEx", (key, version), _GET_EX, request, what)
        else:
            request = _GET.request(certificate_id=key, version_id=version)
            answer = await self._service.read("GetCertificateContent", (key, version), _GET, request, what)
        return Content(tuple(answer.certificate_chain), str(answer.private_key))

    async def close(self) -> None:
        """Close the connection."""
        await self._service.close()
