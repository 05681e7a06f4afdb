"""The provider `cloudrusm`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

import grpc.aio
from pydantic import BaseModel

from eso.errors import AccessDeniedError, InvalidSpecError, NoSecretError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.cloudrusm.api import Credentials, SecretManager
from eso.providers.cloudrusm.client import CloudruSMClient
from eso.providers.cloudrusm.endpoints import endpoints
from eso.providers.cloudrusm.spec import CloudruSMSpec, CSMAuthSecretRef
from eso.providers.cloudrusm.uuids import is_uuid
from eso.providers.common import check_referent
from eso.providers.grpccalls import ChannelFactory, GrpcServer, secure_channel, system_roots

__all__ = ["CloudruSMProvider"]

_METRICS: Final = "CloudRu/SecretManager"
_VENDOR: Final = "Cloud.ru"


def _secure(address: str, ca: bytes | None) -> grpc.aio.Channel:
    return secure_channel(address, ca, keepalive=30.0, patience=5.0)


class CloudruSMProvider(Provider[CloudruSMSpec]):
    """Secrets of Cloud.ru Secret Manager.

    Args:
        channel: opens channels.
        clock: seconds; measures the age of tokens.
        environ: where addresses may be named; None for the process environment.
        timeout: seconds for a request.
    """

    name: ClassVar[str] = "cloudrusm"
    spec_type: ClassVar[type[BaseModel]] = CloudruSMSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY

    def __init__(
        self,
        channel: ChannelFactory = _secure,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._channel = channel
        self._clock = clock
        self._environ = os.environ if environ is None else environ
        self._timeout = timeout

    async def new_client(self, spec: CloudruSMSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first read.

        Raises:
            EsoError: the spec cannot work, a reference cannot be resolved, or the services cannot be found.
        """
        try:
            ref = _checked(spec, context.store_kind, context.store_namespace)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"invalid store: {err}") from err
        key_id = await context.resolve(ref.access_key_id_secret_ref)
        credentials = Credentials(key_id, await context.resolve(ref.access_key_secret_secret_ref))
        if not all(credentials):
            raise InvalidSpecError("failed to get auth credentials: keyID and secret must be provided")
        calls = context.calls(_METRICS)
        found = await endpoints(self._environ, context.http, calls)
        roots = await system_roots()
        server = GrpcServer(
            self._channel(found.secret_manager, roots), _VENDOR, timeout=self._timeout, missing=NoSecretError
        )
        iam = GrpcServer(self._channel(found.iam, roots), _VENDOR, timeout=self._timeout, missing=AccessDeniedError)
        return CloudruSMClient(SecretManager(server, iam, credentials, spec.project_id or "", calls, self._clock))

    def validate_store(self, spec: CloudruSMSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """The access key, the project, and where references point."""
        _checked(spec, store_kind, store_namespace)
        return ()


def _checked(spec: CloudruSMSpec, store_kind: str, store_namespace: str) -> CSMAuthSecretRef:
    ref = spec.auth.secret_ref
    if ref is None:
        raise InvalidSpecError("invalid spec: auth.secretRef is required")
    if not spec.project_id:
        raise InvalidSpecError("invalid spec: projectID is required")
    if not is_uuid(spec.project_id):
        raise InvalidSpecError("invalid spec: projectID is invalid UUID")
    for field, selector in (
        ("accessKeyID", ref.access_key_id_secret_ref),
        ("accessKeySecret", ref.access_key_secret_secret_ref),
    ):
        try:
            check_referent(selector, store_kind=store_kind, store_namespace=store_namespace)
        except InvalidSpecError as err:
            raise InvalidSpecError(f"invalid spec: auth.secretRef.{field}: {err}") from err
    return ref
