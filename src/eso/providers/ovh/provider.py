"""The provider `ovh`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import ClassVar
from uuid import UUID

import aiohttp
from cryptography import x509
from pydantic import BaseModel

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError
from eso.providers.base import Capabilities, Provider, SecretsClient, StoreContext
from eso.providers.common import check_ca_provider, check_strict, is_url
from eso.providers.ovh.api import OvhAPI
from eso.providers.ovh.client import OvhClient
from eso.providers.ovh.spec import OvhSpec
from eso.values import SecretValue

__all__ = ["OvhProvider"]


class OvhProvider(Provider[OvhSpec]):
    """Secrets of OVHcloud's Secret Manager, which is part of its Key Management Service (OKMS)."""

    name: ClassVar[str] = "ovh"
    spec_type: ClassVar[type[BaseModel]] = OvhSpec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    async def new_client(self, spec: OvhSpec, context: StoreContext) -> SecretsClient:
        """A client of one OKMS domain; nothing is asked yet."""
        base = f"{spec.server.rstrip('/')}/api/{_domain(spec.okmsid)}"
        http = await _session(spec, context)
        return OvhClient(OvhAPI(http, base, context.calls("OVHcloud/OKMS")), bool(spec.cas_required))

    def validate_store(self, spec: OvhSpec, *, store_kind: str, store_namespace: str) -> Sequence[str]:
        """Server, id, and exactly one way to authenticate with its references."""
        if not spec.server:
            raise InvalidSpecError("ovh store server is required")
        if not is_url(spec.server):
            raise InvalidSpecError("ovh store server must be a URL with http or https and a host")
        if not spec.okmsid:
            raise InvalidSpecError("ovh store okmsID is required")
        _domain(spec.okmsid)
        mtls, token = spec.auth.mtls, spec.auth.token
        if mtls is None and token is None:
            raise InvalidSpecError("missing authentication method")
        if mtls is not None and token is not None:
            raise InvalidSpecError("only one authentication method allowed (mtls | token)")
        for field, selector in _selectors(spec):
            if not selector.name or not selector.key:
                raise InvalidSpecError(f"ovh store auth.{field} must have a name and a key")
            check_strict(selector, store_kind=store_kind, store_namespace=store_namespace)
        if mtls is not None:
            if mtls.ca_bundle:
                _check_bundle(mtls.ca_bundle)
            check_ca_provider(mtls.ca_provider, store_kind=store_kind, store_namespace=store_namespace)
        return ()


async def _session(spec: OvhSpec, context: StoreContext) -> aiohttp.ClientSession:
    """A session that shows who the store is."""
    timeout = float(spec.okms_timeout)
    if spec.auth.token is not None:
        bearer = await _resolved(spec.auth.token.token_secret_ref, "token.tokenSecretRef", context)
        if not all(33 <= byte <= 126 for byte in bearer.reveal()):
            raise InvalidSpecError(
                "ovh store auth.token.tokenSecretRef holds characters that no token has, such as a line break at its end"
            )
        return context.http(bearer=bearer, timeout=timeout)
    mtls = spec.auth.mtls
    if mtls is None:
        raise InvalidSpecError("missing authentication method")
    key = await _resolved(mtls.key_secret_ref, "mtls.keySecretRef", context)
    certificate = await _resolved(mtls.cert_secret_ref, "mtls.certSecretRef", context)
    ca = await context.resolve_ca(mtls.ca_bundle, mtls.ca_provider)
    return context.http(ca=ca, client_cert=(certificate.reveal(), key.reveal()), timeout=timeout)


async def _resolved(selector: SecretKeySelector, field: str, context: StoreContext) -> SecretValue:
    found = await context.resolve(selector)
    if not found:
        raise InvalidSpecError(f"ovh store auth.{field} cannot be empty")
    return found


def _domain(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as err:
        raise InvalidSpecError("ovh store okmsid must be a UUID") from err


def _selectors(spec: OvhSpec) -> list[tuple[str, SecretKeySelector]]:
    if spec.auth.token is not None:
        return [("token.tokenSecretRef", spec.auth.token.token_secret_ref)]
    if spec.auth.mtls is None:
        return []
    return [
        ("mtls.certSecretRef", spec.auth.mtls.cert_secret_ref),
        ("mtls.keySecretRef", spec.auth.mtls.key_secret_ref),
    ]


def _check_bundle(bundle: str) -> None:
    """It must be PEM, or base64 of PEM (once for the wire, perhaps once more by whoever wrote it)."""
    content = bundle.encode()
    try:
        for _ in range(2):
            if b"-----BEGIN" not in content:
                content = base64.b64decode(content)
        x509.load_pem_x509_certificates(content)
    except (ValueError, binascii.Error) as err:
        raise InvalidSpecError("ovh store auth.mtls.caBundle holds no valid certificate") from err
