"""The provider `nebiusmysterybox`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, TypeGuard

import grpc.aio
from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError, ProviderError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_strict
from eso.providers.grpccalls import ChannelFactory, GrpcServer, secure_channel, system_roots, trusted_roots
from eso.providers.nebiusmysterybox.api import Mysterybox
from eso.providers.nebiusmysterybox.auth import SubjectCredentials, exchanged
from eso.providers.nebiusmysterybox.client import NebiusMysteryboxClient
from eso.providers.nebiusmysterybox.domain import host_and_port
from eso.providers.nebiusmysterybox.spec import NebiusMysteryboxSpec
from eso.providers.renewed import Renewed
from eso.values import SecretValue

__all__ = ["NebiusMysteryboxProvider"]

_METRICS: Final = "Nebius/Mysterybox"


def _secure(address: str, ca: bytes | None) -> grpc.aio.Channel:
    return secure_channel(address, ca, keepalive=30.0, patience=5.0)


class NebiusMysteryboxProvider(Provider[NebiusMysteryboxSpec]):
    """Secrets of Nebius MysteryBox.

    Args:
        channel: opens channels.
        clock: wall clock in seconds of the epoch.
        backoff: seconds before the first retry, doubled for each further one.
        timeout: seconds for a request with its retries.
    """

    name: ClassVar[str] = "nebiusmysterybox"
    spec_type: ClassVar[type[BaseModel]] = NebiusMysteryboxSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(
        self,
        channel: ChannelFactory = _secure,
        clock: Callable[[], float] = time.time,
        backoff: float = 0.5,
        timeout: float = 30.0,
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._backoff = backoff
        self._timeout = timeout

    async def new_client(self, spec: NebiusMysteryboxSpec, context: StoreContext) -> SecretsClient:
        """A client that has a token.

        Raises:
            EsoError: a reference cannot be resolved, or the credentials were refused.
        """
        host, port = host_and_port(spec.api_domain)
        if spec.ca_provider is None:
            ca = await system_roots()
        else:
            pem = await _resolved(context, spec.ca_provider.cert_secret_ref or SecretKeySelector())
            ca = trusted_roots(pem, "caProvider.certSecretRef")
        calls = context.calls(_METRICS)
        opened: list[GrpcServer] = []
        try:
            tokens: Renewed[SecretValue] | SecretValue
            if _is_set(spec.auth.token_secret_ref):
                tokens = await _resolved(context, spec.auth.token_secret_ref)
            elif _is_set(spec.auth.service_account_creds_secret_ref):
                document = await _resolved(context, spec.auth.service_account_creds_secret_ref)
                iam = self._open(f"tokens.iam.{host}:{port}", ca, opened, AccessDeniedError)
                tokens = exchanged(SubjectCredentials(document), iam, calls, self._clock)
                await tokens.get()
            else:
                raise InvalidSpecError("invalid auth configuration: none provided")
            server = self._open(f"dpl.mysterybox.{host}:{port}", ca, opened, NoSecretError)
            return NebiusMysteryboxClient(Mysterybox(server, tokens, calls, opened))
        except BaseException:
            for each in opened:
                await each.close()
            raise

    def validate_store(self, spec: NebiusMysteryboxSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The domain, exactly one way to sign in, and where references point."""
        host_and_port(spec.api_domain)
        token, account = spec.auth.token_secret_ref, spec.auth.service_account_creds_secret_ref
        if not _is_set(token) and not _is_set(account):
            raise InvalidSpecError("invalid auth configuration: none provided")
        if _is_set(token) and _is_set(account):
            raise InvalidSpecError("invalid auth configuration: exactly one must be specified")
        for selector, title in ((token, "token"), (account, "ServiceAccount creds")):
            if _is_set(selector):
                if not selector.key:
                    raise InvalidSpecError(f"invalid {title} auth configuration: no secret key specified")
                check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
        if spec.ca_provider is not None:
            cert = spec.ca_provider.cert_secret_ref
            if not _is_set(cert):
                raise InvalidSpecError("invalid certificate configuration: no name specified")
            if not cert.key:
                raise InvalidSpecError("invalid certificate configuration: no key specified")
            check_strict(cert, store_kind=store_kind, store_namespace=store_namespace)
        return ()

    def _open(
        self, address: str, ca: bytes | None, opened: list[GrpcServer], missing: type[ProviderError]
    ) -> GrpcServer:
        channel = self._channel(address, ca)
        server = GrpcServer(channel, "Nebius", timeout=self._timeout, missing=missing, backoff=self._backoff)
        opened.append(server)
        return server


def _is_set(selector: SecretKeySelector | None) -> TypeGuard[SecretKeySelector]:
    return selector is not None and bool(selector.name)


async def _resolved(context: StoreContext, selector: SecretKeySelector) -> SecretValue:
    return SecretValue((await context.resolve(selector)).reveal().strip())
