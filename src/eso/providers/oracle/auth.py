"""Who the store is at Oracle: a user with a key, the machine of the operator, or a ServiceAccount."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from eso.errors import InvalidSpecError, UnavailableError
from eso.providers.base import StoreContext
from eso.providers.oracle.signing import Identity, rsa_key
from eso.providers.oracle.spec import OracleAuth
from eso.providers.renewed import Renewed
from eso.transform.gojson import loads
from eso.values import SecretValue

__all__ = [
    "ApiKey",
    "Federated",
    "Principal",
    "Session",
    "Surroundings",
    "api_key",
    "file_content",
    "new_session_key",
    "public_pem",
]

_MOUNTED: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
_LARGEST_FILE: Final = 1 << 20
_WITHOUT_END: Final = 300.0
"""Seconds after which a token that names no end is replaced."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the operator runs and where Oracle's services are; tests put servers and files of their own here.

    Source of the URLs: Oracle's Go SDK, which External Secrets Operator uses.

    Attributes:
        secrets: URL of the service that reads secrets; `{region}` and `{domain}` are filled in.
        vaults: of the one that lists and writes them.
        kms: of the one that knows vaults.
        federation: of the one that gives tokens to machines.
        metadata: of the machine's metadata service.
        proxymux: of the service of an OKE cluster that gives tokens to workloads; `{host}` is that of its API server.
        token_file: the token of the operator's Pod.
        ca_file: certificates of the cluster.
        environ: of the process.
        now: the wall clock.
    """

    secrets: str = "https://secrets.vaults.{region}.oci.{domain}"
    vaults: str = "https://vaults.{region}.oci.{domain}"
    kms: str = "https://kms.{region}.{domain}"
    federation: str = "https://auth.{region}.{domain}"
    metadata: str = "http://169.254.169.254/opc"
    proxymux: str = "https://{host}:12250"
    token_file: str = f"{_MOUNTED}/token"
    ca_file: str = f"{_MOUNTED}/ca.crt"
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now


class Principal(Protocol):
    """Whose requests they are."""

    async def identity(self) -> Identity:
        """What the next request is signed with.

        Raises:
            EsoError: it could not be got.
        """

    def refused(self, identity: Identity) -> bool:
        """It was not accepted; whether there may be another one."""


class ApiKey:
    """A key that stays."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def identity(self) -> Identity:
        """See `Principal`."""
        return self._identity

    def refused(self, identity: Identity) -> bool:
        """See `Principal`."""
        return False


@dataclass(frozen=True, slots=True)
class Session:
    """A token and the key that it was given for.

    Attributes:
        token: a JWT; its signature is Oracle's business.
        private: signs what is sent with it.
    """

    token: SecretValue
    private: RSAPrivateKey

    @property
    def identity(self) -> Identity:
        """What requests are signed with."""
        return Identity(SecretValue(b"ST$" + self.token.reveal()), self.private)

    def lifetime(self, now: float) -> float:
        """Seconds that the token lives from when it was issued, by its own words: clocks may differ."""
        claims = _claims(self.token)
        ends, issued = claims.get("exp"), claims.get("iat", now)
        if not isinstance(ends, float) or not isinstance(issued, int | float):
            return _WITHOUT_END
        return max(0.0, ends - issued)


class Federated:
    """A session that is replaced before it ends; requests that need a new one wait for one sign-in.

    Args:
        sign_in: gives a new session.
        used: how many seconds of its lifetime a session is used.
        around: has the clock.
    """

    def __init__(
        self, sign_in: Callable[[], Awaitable[Session]], used: Callable[[float], float], around: Surroundings
    ) -> None:
        def clock() -> float:
            return around.now().timestamp()

        async def fresh() -> tuple[Identity, float]:
            session = await sign_in()
            return session.identity, clock() + used(session.lifetime(clock()))

        self._identities = Renewed(fresh, clock, early=0.0)

    async def identity(self) -> Identity:
        """See `Principal`."""
        return await self._identities.get()

    def refused(self, identity: Identity) -> bool:
        """See `Principal`."""
        self._identities.forget(identity)
        return True


async def api_key(auth: OracleAuth, context: StoreContext) -> ApiKey:
    """The key of a user.

    Raises:
        EsoError: a reference cannot be resolved, or its content cannot be used.
    """
    pem = await context.resolve(auth.secret_ref.privatekey)
    if not pem:
        raise InvalidSpecError("missing PrivateKey: the key in auth.secretRef.privatekey is empty")
    fingerprint = await context.resolve(auth.secret_ref.fingerprint)
    if not fingerprint:
        raise InvalidSpecError("missing Fingerprint: the key in auth.secretRef.fingerprint is empty")
    private = rsa_key(pem.reveal())
    if private is None:
        raise InvalidSpecError("auth.secretRef.privatekey is not the PEM of an RSA private key without passphrase")
    name = f"{auth.tenancy}/{auth.user}/{fingerprint.reveal_text().strip()}"
    if any(char in name for char in '"\r\n'):
        raise InvalidSpecError("auth: tenancy, user and fingerprint may hold neither quotes nor line breaks")
    return ApiKey(Identity(SecretValue(name), private))


async def new_session_key() -> RSAPrivateKey:
    """A key for one session; it takes a tenth of a second, which the loop does not wait for."""
    return await asyncio.to_thread(generate_private_key, public_exponent=65537, key_size=2048)


def public_pem(private: RSAPrivateKey) -> str:
    """The public part of a key."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


async def file_content(path: str, what: str) -> bytes:
    """A file of the operator's Pod.

    Raises:
        UnavailableError: it cannot be read.
    """

    def read() -> bytes:
        with Path(path).open("rb") as opened:
            return opened.read(_LARGEST_FILE)

    try:
        return await asyncio.to_thread(read)
    except OSError as err:
        raise UnavailableError(f"{what} cannot be read: {err.strerror}") from None


def _claims(token: SecretValue) -> dict[str, Any]:
    try:
        payload = token.reveal().split(b".")[1]
        claims = loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}
