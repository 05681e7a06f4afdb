"""The machine of the operator as principal: its certificate becomes a token.

Source: the instance principals of Oracle's SDKs.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import aiohttp
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from yarl import URL

from eso.errors import AccessDeniedError, NoSecretError, ProviderError
from eso.providers.base import StoreContext
from eso.providers.gathering import gathered
from eso.providers.http import error_for_status, read_body, read_json, retry_after, transport_errors
from eso.providers.oracle.auth import Session, Surroundings, new_session_key, public_pem
from eso.providers.oracle.regions import region_of
from eso.providers.oracle.signing import FEDERATION, Identity, rsa_key, signed_headers
from eso.transform.gojson import dumps
from eso.values import SecretValue

__all__ = ["InstanceSignIn"]

_PARTS: Final = ("instance/region", "identity/cert.pem", "identity/key.pem", "identity/intermediate.pem")
_METADATA: Final = "asking the metadata service of the operator's machine"
_FEDERATION: Final = "signing in as the operator's machine at Oracle"
_TENANCIES: Final = ("opc-tenant:", "opc-identity:")
_PATIENCE: Final = 10.0
"""Seconds: where there is no such service, nothing answers."""


class InstanceSignIn:
    """Gives sessions of the machine.

    Args:
        context: opens sessions.
        around: where the services are.
    """

    def __init__(self, context: StoreContext, around: Surroundings) -> None:
        self._near = context.http(headers={"Authorization": "Bearer Oracle"}, timeout=_PATIENCE)
        self._far = context.http()
        self._around = around

    async def __call__(self) -> Session:
        """A new session.

        Raises:
            ProviderError: the machine has no identity, or Oracle refused it.
        """
        region, certificate, key, intermediate = await self._metadata()
        leaf = _certificate(certificate)
        private = rsa_key(key)
        if private is None:
            raise ProviderError(f"{_METADATA}: its key is not an RSA key")
        session_key = await new_session_key()
        where = self._around.environ.get("OCI_SDK_AUTH_CLIENT_REGION_URL") or region_of(
            region.decode("ascii", "replace"), self._around.environ
        ).url(self._around.federation)
        document = {
            "certificate": _bare(certificate),
            "publicKey": _bare(public_pem(session_key).encode()),
            "intermediateCertificates": [_bare(intermediate)],
            "fingerprintAlgorithm": "SHA256",
        }
        body = dumps(document).encode()
        url = URL(f"{where.rstrip('/')}/v1/x509")
        name = f"{_tenancy(leaf)}/fed-x509-sha256/{leaf.fingerprint(SHA256()).hex(':')}"
        identity = Identity(SecretValue(name), private)
        headers = signed_headers(identity, "POST", url, body, self._around.now(), covered=FEDERATION)
        with transport_errors(_FEDERATION):
            async with self._far.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return Session(_token(await _json(response)), session_key)

    async def _metadata(self) -> list[bytes]:
        named = self._around.environ.get("OCI_METADATA_BASE_URL", "").rstrip("/")
        bases = [named] if named else [f"{self._around.metadata}/{version}" for version in ("v2", "v1")]
        for base in bases:
            with suppress(NoSecretError):
                return await self._parts(base)
        # Not a NoSecretError, which would say that the secret does not exist.
        raise AccessDeniedError(f"{_METADATA}: it answered 404, is this an instance of Oracle Cloud?")

    async def _parts(self, base: str) -> list[bytes]:
        return await gathered([self._get(f"{base}/{part}") for part in _PARTS])

    async def _get(self, url: str) -> bytes:
        with transport_errors(_METADATA):
            async with self._near.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise error_for_status(response.status, _METADATA, wait=retry_after(response.headers))
                return await read_body(response, _METADATA)


async def _json(response: aiohttp.ClientResponse) -> Any:
    if 300 <= response.status < 400:
        raise error_for_status(response.status, _FEDERATION)
    try:
        return await read_json(response, _FEDERATION)
    except NoSecretError as err:
        raise AccessDeniedError(f"{err}: there may be no such identity") from err


def _token(answer: Any) -> SecretValue:
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ProviderError(f"{_FEDERATION}: the answer has no token")
    return SecretValue(token)


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise ProviderError(f"{_METADATA}: its certificate cannot be read") from None


def _tenancy(leaf: x509.Certificate) -> str:
    values = [str(attribute.value) for attribute in leaf.subject]
    for mark in _TENANCIES:
        for value in values:
            if value.startswith(mark):
                return value.removeprefix(mark)
    raise ProviderError(f"{_METADATA}: its certificate does not name a tenancy")


def _bare(pem: bytes) -> str:
    """The Base64 of a PEM text in one line."""
    lines = pem.decode("ascii", "replace").splitlines()
    return "".join(line.strip() for line in lines if not line.startswith("-----"))
