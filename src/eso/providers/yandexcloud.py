"""The part of Yandex Cloud that its providers share: where services are, and signing in."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import grpc
import grpc.aio

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidRequestError, InvalidSpecError, ProviderError
from eso.identity.yandex import METADATA, AuthorizedKey, machine_token
from eso.providers.base import ProviderCalls, StoreContext
from eso.providers.grpccalls import ChannelFactory, GrpcServer, Method, secure_channel, system_roots, trusted_roots
from eso.providers.grpcmessages import message_types
from eso.providers.renewed import Renewed
from eso.providers.yandexstore import YandexStore
from eso.values import SecretValue

__all__ = ["YandexCloud", "YandexService"]

_VENDOR: Final = "Yandex Cloud"
_ENDPOINT: Final = "api.cloud.yandex.net:443"
_EARLY: Final = 300.0
"""Seconds before its end at which a token is replaced. Source: External Secrets Operator."""

_DOMAINS: Final = (".cloud.yandex.net", ".yandexcloud.kz")
"""Domains in which nobody but Yandex Cloud has hosts; they may be shown the token of the machine."""

# Source: yandex/cloud/endpoint/api_endpoint_service.proto and yandex/cloud/iam/v1/iam_token_service.proto of yandex-cloud/cloudapi.
_ENDPOINTS: Final = message_types(
    "yandex.cloud.endpoint",
    """
    message GetApiEndpointRequest { string api_endpoint_id = 1; }
    message ApiEndpoint { string id = 1; string address = 2; }
    """,
)
_IAM: Final = message_types(
    "yandex.cloud.iam.v1",
    """
    message Timestamp { int64 seconds = 1; int32 nanos = 2; }
    message CreateIamTokenRequest { oneof identity { string yandex_passport_oauth_token = 1; string jwt = 2; } }
    message CreateIamTokenResponse { string iam_token = 1; Timestamp expires_at = 2; }
    """,
)
_GET_ENDPOINT: Final = Method(
    "/yandex.cloud.endpoint.ApiEndpointService/Get", _ENDPOINTS["GetApiEndpointRequest"], _ENDPOINTS["ApiEndpoint"]
)
_CREATE_TOKEN: Final = Method(
    "/yandex.cloud.iam.v1.IamTokenService/Create", _IAM["CreateIamTokenRequest"], _IAM["CreateIamTokenResponse"]
)


def _secure(address: str, ca: bytes | None) -> grpc.aio.Channel:
    return secure_channel(address, ca, keepalive=30.0, patience=10.0)


class YandexService:
    """One service of Yandex Cloud, as one service account.

    Args:
        server: where the service is.
        tokens: IAM tokens.
        calls: the metered way.
        opened: connections that are closed with this.
    """

    def __init__(
        self, server: GrpcServer, tokens: Renewed[SecretValue], calls: ProviderCalls, opened: Sequence[GrpcServer]
    ) -> None:
        self._server = server
        self._tokens = tokens
        self._calls = calls
        self._opened = opened

    async def read(self, call: str, key: Hashable, method: Method, request: Any, what: str) -> Any:
        """A read that equal ones may share.

        Args:
            call: the metric label.
            key: what the answer depends on.
            method: of the service.
            request: its message.
            what: the operation, for messages.

        Raises:
            ProviderError: also for what does not exist; never a NoSecretError, so that nothing is deleted.
        """
        return await self._calls.read(call, key, lambda: self._server.call(method, request, what, tokens=self._tokens))

    async def close(self) -> None:
        """Close the connections."""
        for server in self._opened:
            await server.close()


class YandexCloud:
    """How stores reach Yandex Cloud.

    Args:
        channel: opens channels.
        metadata: base URL of the metadata server; None for the one that `YC_METADATA_ADDR` names, or the usual one.
        clock: wall clock in seconds of the epoch.
        environ: None for the process environment.
        backoff: seconds before sign-in is tried again, doubled for each further time.
        timeout: seconds for a request with its retries.
    """

    def __init__(
        self,
        channel: ChannelFactory = _secure,
        metadata: str | None = None,
        clock: Callable[[], float] = time.time,
        environ: Mapping[str, str] | None = None,
        backoff: float = 0.5,
        timeout: float = 30.0,
    ) -> None:
        self._channel = channel
        named = (os.environ if environ is None else environ).get("YC_METADATA_ADDR")
        self._metadata = metadata or (f"http://{named}" if named else METADATA)
        self._clock = clock
        self._backoff = backoff
        self._timeout = timeout

    async def connect(
        self, spec: YandexStore, context: StoreContext, service: str, calls: ProviderCalls
    ) -> YandexService:
        """Find a service and sign in.

        Args:
            spec: of the store.
            context: resolves references.
            service: id of its endpoint.
            calls: the metered way.

        Raises:
            EsoError: a reference cannot be resolved, the service is not found, or the sign-in failed.
        """
        endpoint = spec.api_endpoint or _ENDPOINT
        ref = spec.auth.authorized_key_secret_ref
        key = AuthorizedKey(await context.resolve(ref)) if ref is not None and ref.name else None
        if key is None and not _is_trusted(endpoint):
            raise InvalidSpecError(
                f"apiEndpoint {endpoint} is not of Yandex Cloud: name a key in auth.authorizedKeySecretRef,"
                " the operator's own identity is not shown to other hosts"
            )
        if spec.ca_provider is None:
            ca = await system_roots()
        else:
            cert = await context.resolve(spec.ca_provider.cert_secret_ref or SecretKeySelector())
            ca = trusted_roots(cert, "caProvider.certSecretRef")
        opened: list[GrpcServer] = []
        try:
            directory = self._open(endpoint, ca, opened)
            address = await self._find(directory, service, calls)
            if key is None:
                request = partial(self._by_machine, context.http(), calls)
            else:
                iam = self._open(await self._find_sign_in(directory, endpoint, calls), ca, opened)
                request = partial(self._by_key, key, iam, calls)
            tokens = Renewed(request, self._clock, early=_EARLY)
            await tokens.get()
            return YandexService(self._open(address, ca, opened), tokens, calls, opened)
        except BaseException:
            for server in opened:
                await server.close()
            raise

    def _open(self, address: str, ca: bytes | None, opened: list[GrpcServer]) -> GrpcServer:
        channel = self._channel(address, ca)
        server = GrpcServer(channel, _VENDOR, timeout=self._timeout, missing=InvalidRequestError, backoff=self._backoff)
        opened.append(server)
        return server

    async def _find(self, directory: GrpcServer, service: str, calls: ProviderCalls) -> str:
        what = f"failed to create Yandex.Cloud client: looking up endpoint {service}"
        request = _GET_ENDPOINT.request(api_endpoint_id=service)
        found = await calls.write("GetApiEndpoint", lambda: directory.call(_GET_ENDPOINT, request, what))
        if not found.address:
            raise ProviderError(f"{what}: the answer holds no address")
        return str(found.address)

    async def _find_sign_in(self, directory: GrpcServer, endpoint: str, calls: ProviderCalls) -> str:
        try:
            return await self._find(directory, "iam", calls)
        except InvalidRequestError:
            return endpoint  # an installation of one address does not list it

    async def _by_key(self, key: AuthorizedKey, iam: GrpcServer, calls: ProviderCalls) -> tuple[SecretValue, float]:
        what = f"failed to create IAM token: signing in service account {key.account}"

        async def send() -> tuple[SecretValue, float]:
            request = _CREATE_TOKEN.request(jwt=key.assertion(self._clock()))
            answer = await iam.call(_CREATE_TOKEN, request, what, retried=(grpc.StatusCode.UNAVAILABLE,))
            if not answer.iam_token:
                raise ProviderError(f"{what}: the answer holds no token")
            return SecretValue(answer.iam_token), float(answer.expires_at.seconds)

        return await calls.write("CreateIamToken", send)

    async def _by_machine(self, http: aiohttp.ClientSession, calls: ProviderCalls) -> tuple[SecretValue, float]:
        async def send() -> tuple[SecretValue, float]:
            token, seconds = await machine_token(http, self._metadata)
            return token, self._clock() + seconds

        return await calls.write("GetInstanceToken", send)


def _is_trusted(endpoint: str) -> bool:
    """Whether what is sent to the endpoint reaches Yandex Cloud, or does not leave the machine."""
    try:
        host = urlsplit(f"//{endpoint}").hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(_DOMAINS)
