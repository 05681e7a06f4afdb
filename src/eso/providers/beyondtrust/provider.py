"""The provider `beyondtrust`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.beyondtrust.api import PasswordSafeAPI
from eso.providers.beyondtrust.auth import Credentials, Sessions
from eso.providers.beyondtrust.client import BeyondtrustClient
from eso.providers.beyondtrust.http import Transport
from eso.providers.beyondtrust.limits import check_certificate, check_credentials, check_server, seconds
from eso.providers.beyondtrust.spec import BeyondtrustAuth, BeyondTrustProviderSecretRef, BeyondtrustSpec
from eso.providers.common import check_referent
from eso.values import SecretValue

__all__ = ["BeyondtrustProvider"]

_PAUSE: Final = 1.0


class BeyondtrustProvider(Provider[BeyondtrustSpec]):
    """Secrets Safe and managed accounts of BeyondTrust Password Safe.

    Args:
        pause: seconds before a request that failed on its way is sent again for the first time.
    """

    name: ClassVar[str] = "beyondtrust"
    spec_type: ClassVar[type[BaseModel]] = BeyondtrustSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE
    # The remote key does not say what a push makes, and reading it could check out a managed account.
    reads_back: ClassVar[bool] = False

    def __init__(self, pause: float = _PAUSE) -> None:
        self._pause = pause

    async def new_client(self, spec: BeyondtrustSpec, context: StoreContext) -> SecretsClient:
        """A client that signs in at its first request."""
        credentials = await _credentials(spec.auth, context)
        pair = None
        if spec.auth.certificate is not None and spec.auth.certificate_key is not None:
            pair = check_certificate(
                await _resolved("certificate", spec.auth.certificate, context),
                await _resolved("certificateKey", spec.auth.certificate_key, context),
            )
        check_server(spec.server)
        check_credentials(credentials)
        http = context.http(client_cert=pair, verify=spec.server.verify_ca, timeout=seconds(spec.server))
        transport = Transport(http, spec.server.api_url, pause=self._pause)
        calls = context.calls("BeyondTrust/PasswordSafe")
        sessions = Sessions(transport, credentials, calls)
        return BeyondtrustClient(
            PasswordSafeAPI(transport, sessions, calls, spec.server.api_version or ""), spec.server
        )

    def validate_store(self, spec: BeyondtrustSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Host, and a way to sign in whose parts are values or references."""
        try:
            host = urlsplit(spec.server.api_url).hostname
        except ValueError:
            host = None
        if not host:
            raise InvalidSpecError("invalid host URL: server.apiUrl must be an https URL with a host")
        auth = spec.auth
        if auth.api_key is not None:
            used = {"apiKey": auth.api_key}
        elif auth.client_id is not None and auth.client_secret is not None:
            used = {"clientId": auth.client_id, "clientSecret": auth.client_secret}
        elif auth.client_id is None and auth.client_secret is None:
            raise InvalidSpecError("auth: set apiKey, or clientId and clientSecret")
        else:
            raise InvalidSpecError("auth: clientId and clientSecret must be set together")
        warnings = []
        if auth.certificate is not None and auth.certificate_key is not None:
            used |= {"certificate": auth.certificate, "certificateKey": auth.certificate_key}
        elif auth.certificate is not None or auth.certificate_key is not None:
            warnings.append("auth: certificate and certificateKey have no effect unless both are set")
        for field, ref in used.items():
            _check(field, ref)
            try:
                check_referent(ref.secret_ref, store_kind=store_kind, store_namespace=store_namespace)
            except InvalidSpecError as err:
                raise InvalidSpecError(f"invalid auth.{field}.secretRef: {err}") from err
        return warnings


def _check(field: str, ref: BeyondTrustProviderSecretRef) -> None:
    if ref.secret_ref is None:
        if not ref.value:
            raise InvalidSpecError(f"auth.{field}: must specify either secret reference or direct value")
        return
    if ref.value:
        raise InvalidSpecError(f"auth.{field}: cannot specify both secret reference and value")
    if not ref.secret_ref.name:
        raise InvalidSpecError(f"auth.{field}: must specify a secret name")
    if not ref.secret_ref.key:
        raise InvalidSpecError(f"auth.{field}: must specify a secret key")


async def _credentials(auth: BeyondtrustAuth, context: StoreContext) -> Credentials:
    if auth.api_key is not None:
        return Credentials(api_key=await _resolved("apiKey", auth.api_key, context))
    if auth.client_id is None or auth.client_secret is None:
        raise InvalidSpecError("auth: set apiKey, or clientId and clientSecret")
    return Credentials(
        client_id=await _resolved("clientId", auth.client_id, context),
        client_secret=await _resolved("clientSecret", auth.client_secret, context),
    )


async def _resolved(field: str, ref: BeyondTrustProviderSecretRef, context: StoreContext) -> SecretValue:
    _check(field, ref)
    return SecretValue(ref.value or "") if ref.secret_ref is None else await context.resolve(ref.secret_ref)
