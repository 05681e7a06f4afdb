"""The requests to Secret Manager and IAM: a token, the payload of a version, a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import ProviderCalls
from eso.providers.grpccalls import GrpcServer, Method
from eso.providers.grpcmessages import message_types
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["Credentials", "Found", "SecretManager"]

# Source: cloudru-tech/iam-sdk and cloudru-tech/secret-manager-sdk.
_IAM: Final = message_types(
    "sbercloud.cp.iam.api.v1.auth",
    """
    message GetTokenRequest { string key_id = 1; string secret = 2; }
    message GetTokenResponse { string access_token = 1; int32 expires_in = 4; }
    """,
)
_V1: Final = message_types(
    "sbercloud.secretmanager.v1",
    """
    message AccessSecretVersionRequest { string secret_id = 1; string secret_version_id = 2; }
    message BytesValue { bytes value = 1; }
    message SecretPayload { BytesValue data = 1; }
    """,
)
_V2: Final = message_types(
    "cloud.csm.core.v2",
    """
    message AccessSecretRequest { string project_id = 1; string path = 2; oneof wanted { int32 version = 3; } }
    message BytesValue { bytes value = 1; }
    message AccessSecretResponse { BytesValue payload = 3; }
    message SearchSecretRequest {
        string project_id = 1;
        string path = 2;
        int32 depth = 3;
        map<string, string> labels = 10;
        oneof name { string regex = 11; string exact = 12; }
    }
    message Secret { string id = 1; string path = 10; }
    message SearchSecretResponse { repeated Secret secrets = 1; }
    """,
)
_GET_TOKEN: Final = Method(
    "/sbercloud.cp.iam.api.v1.auth.AuthService/GetToken", _IAM["GetTokenRequest"], _IAM["GetTokenResponse"]
)
_ACCESS_VERSION: Final = Method(
    "/sbercloud.secretmanager.v1.SecretManagerService/AccessSecretVersion",
    _V1["AccessSecretVersionRequest"],
    _V1["SecretPayload"],
)
_ACCESS: Final = Method(
    "/cloud.csm.core.v2.SecretService/Access", _V2["AccessSecretRequest"], _V2["AccessSecretResponse"]
)
_SEARCH: Final = Method(
    "/cloud.csm.core.v2.SecretService/Search", _V2["SearchSecretRequest"], _V2["SearchSecretResponse"]
)
_EVERY_DEPTH: Final = -1


class Credentials(NamedTuple):
    """An access key of a service account."""

    key_id: SecretValue
    secret: SecretValue


class Found(NamedTuple):
    """A secret that a search found."""

    id: str
    path: str


class SecretManager:
    """Secrets of one project; it signs in at the first request.

    Args:
        server: Secret Manager.
        iam: answers sign-ins.
        credentials: of a service account.
        project: id of the project.
        calls: the metered way.
        clock: seconds; measures the age of tokens.
    """

    def __init__(
        self,
        server: GrpcServer,
        iam: GrpcServer,
        credentials: Credentials,
        project: str,
        calls: ProviderCalls,
        clock: Callable[[], float],
    ) -> None:
        self._server = server
        self._iam = iam
        self._credentials = credentials
        self._project = project
        self._calls = calls
        self._clock = clock
        self._tokens = Renewed(lambda: calls.write("GetToken", self._signed_in), clock, early=0.0)

    async def by_path(self, path: str, version: int | None) -> bytes:
        """The payload of a secret of the project.

        Args:
            path: folders and name.
            version: its number; None for the newest.

        Raises:
            NoSecretError: there is no such secret or version.
        """
        request = _ACCESS.request(project_id=self._project, path=path)
        if version is not None:
            request.version = version
        what = f"failed to get the secret by path '{path}'"
        answer = await self._calls.read("Access", (path, version), lambda: self._call(_ACCESS, request, what))
        return bytes(answer.payload.value)

    async def by_id(self, secret: str, version: str) -> bytes:
        """The payload of a secret, whatever project it is in.

        Args:
            secret: its id.
            version: its number, or `latest`.

        Raises:
            NoSecretError: there is no such secret or version.
        """
        request = _ACCESS_VERSION.request(secret_id=secret, secret_version_id=version)
        what = f"failed to get the secret by id '{secret} v{version}'"
        answer = await self._calls.read(
            "AccessSecretVersion", (secret, version), lambda: self._call(_ACCESS_VERSION, request, what)
        )
        return bytes(answer.data.value)

    async def search(self, regex: str, labels: Mapping[str, str], path: str) -> list[Found]:
        """The secrets of the project below a folder whose name matches and that have all the labels.

        Args:
            regex: what the service looks for in names; empty for all.
            labels: what secrets must have.
            path: of the folder; empty for all.
        """
        request = _SEARCH.request(project_id=self._project, path=path, depth=_EVERY_DEPTH, labels=dict(labels))
        if regex:
            request.regex = regex
        key = (regex, tuple(sorted(labels.items())), path)
        what = "failed to list secrets"
        try:
            answer = await self._calls.read("Search", key, lambda: self._call(_SEARCH, request, what))
        except NoSecretError as err:
            # A folder that does not exist is not a secret that was deleted.
            raise InvalidRequestError(str(err)) from err
        return [Found(secret.id, secret.path) for secret in answer.secrets]

    async def close(self) -> None:
        """Close the connections."""
        await self._server.close()
        await self._iam.close()

    async def _call(self, method: Method, request: Any, what: str) -> Any:
        return await self._server.call(method, request, what, tokens=self._tokens)

    async def _signed_in(self) -> tuple[SecretValue, float]:
        what = "unauthorized: fetch IAM access token"
        key_id, secret = (part.reveal() for part in self._credentials)
        try:
            request = _GET_TOKEN.request(key_id=key_id, secret=secret)
        except ValueError:
            raise InvalidSpecError(f"{what}: the access key is not UTF-8") from None
        answer = await self._iam.call(_GET_TOKEN, request, what)
        if not answer.access_token:
            raise ProviderError(f"{what}: the answer holds no token")
        return SecretValue(answer.access_token), self._clock() + answer.expires_in
