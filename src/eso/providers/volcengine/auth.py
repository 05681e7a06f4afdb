"""Who the store is at Volcengine: keys in a Secret, or the role of the operator's Pod."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from yarl import URL

from eso.api.meta_v1 import SecretKeySelector
from eso.errors import InvalidSpecError, ProviderError
from eso.providers.base import StoreContext
from eso.providers.renewed import Renewed
from eso.providers.volcengine.signing import Keys, query_string
from eso.providers.volcengine.spec import VolcengineAuthSecretRef
from eso.providers.volcengine.transport import Transport
from eso.values import SecretValue

__all__ = ["Assumed", "Credentials", "Fixed", "Surroundings", "keys_of"]

_STS: Final = "https://sts.volcengineapi.com"
_REQUIRED: Final = ("VOLCENGINE_OIDC_TOKEN_FILE", "VOLCENGINE_OIDC_ROLE_TRN")
_SESSION: Final = "external-secrets-provider-volcengine"
_SECONDS: Final = "3660"
_EARLY: Final = 60.0
"""How long temporary keys are asked for, and how many seconds before their end they are replaced; source: the Go SDK."""

_LARGEST_FILE: Final = 1 << 16
_WHAT: Final = "assuming the role of the operator's Pod at Volcengine"


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the operator runs and where Volcengine is; tests put servers and files of their own here.

    Attributes:
        kms: URL of the key management service; None for the one of the region.
        sts: of the service that gives temporary keys; None for Volcengine's.
        environ: of the process.
        now: the wall clock.
        pause: seconds before the first retry; they double.
    """

    kms: str | None = None
    sts: str | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = _utc_now
    pause: float = 0.03


class Credentials(Protocol):
    """Where requests get their keys."""

    async def keys(self) -> Keys:
        """Keys that are valid now.

        Raises:
            EsoError: there are none.
        """

    def refused(self, keys: Keys) -> bool:
        """They were not accepted; whether there may be others."""


class Fixed:
    """Keys that stay."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def keys(self) -> Keys:
        """See `Credentials`."""
        return self._keys

    def refused(self, keys: Keys) -> bool:
        """See `Credentials`."""
        return False


class Assumed:
    """Temporary keys of a role; requests that need new ones wait for one exchange.

    Args:
        transport: sends the request.
        around: token file and role.
        counted: the metered way.
    """

    def __init__(
        self,
        transport: Transport,
        around: Surroundings,
        counted: Callable[[Callable[[], Awaitable[Any]]], Awaitable[Any]],
    ) -> None:
        self._transport = transport
        self._around = around

        async def fresh() -> tuple[Keys, float]:
            return _temporary(await counted(self._exchange))

        self._renewed = Renewed(fresh, lambda: around.now().timestamp(), early=_EARLY)

    async def keys(self) -> Keys:
        """See `Credentials`.

        Raises:
            EsoError: the Pod has no role, or may not assume it.
        """
        return await self._renewed.get()

    def refused(self, keys: Keys) -> bool:
        """See `Credentials`."""
        self._renewed.forget(keys)
        return True

    async def _exchange(self) -> Any:
        environ = self._around.environ
        file, role = (environ.get(name, "") for name in _REQUIRED)
        if not (file and role):
            raise InvalidSpecError(f"the operator has no workload identity: {' and '.join(_REQUIRED)} must be set")
        form = {
            "RoleTrn": role,
            "OIDCToken": await _token(file),
            "RoleSessionName": environ.get("VOLCENGINE_OIDC_ROLE_SESSION_NAME") or _SESSION,
            "DurationSeconds": _SECONDS,
        }
        policy = environ.get("VOLCENGINE_OIDC_ROLE_POLICY")
        if policy:
            form["Policy"] = policy
        host = environ.get("VOLCENGINE_OIDC_STS_ENDPOINT")
        base = self._around.sts or (f"https://{host}" if host else _STS)
        query = query_string({"Action": "AssumeRoleWithOIDC", "Version": "2018-01-01"})
        return await self._transport.send(
            URL(f"{base}/?{query}", encoded=True),
            query_string(form).encode(),
            lambda: {"Content-Type": "application/x-www-form-urlencoded"},
            _WHAT,
        )


async def keys_of(refs: VolcengineAuthSecretRef, context: StoreContext) -> Keys:
    """The keys in Secrets.

    Raises:
        EsoError: a reference cannot be resolved, or its content can be no part of a header.
    """
    access = await _resolved("accessKeyID", refs.access_key_id, context)
    secret = await _resolved("secretAccessKey", refs.secret_access_key, context)
    token = None if refs.token is None else await _resolved("token", refs.token, context)
    return Keys(access, secret, token)


async def _resolved(name: str, ref: SecretKeySelector, context: StoreContext) -> SecretValue:
    value = await context.resolve(ref)
    if any(byte <= 0x20 for byte in value.reveal()):
        raise InvalidSpecError(f"auth.secretRef.{name} holds spaces or line breaks")
    return value


async def _token(file: str) -> str:
    def read() -> bytes:
        with Path(file).open("rb") as opened:
            return opened.read(_LARGEST_FILE)

    try:
        return (await asyncio.to_thread(read)).decode("utf-8", "replace").strip()
    except OSError as err:
        raise ProviderError(f"VOLCENGINE_OIDC_TOKEN_FILE cannot be read: {err.strerror}") from None


def _temporary(result: Any) -> tuple[Keys, float]:
    found = result.get("Credentials") if isinstance(result, dict) else None
    parts = found if isinstance(found, dict) else {}
    texts = [parts.get(name) for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    if not all(isinstance(text, str) and text for text in texts):
        raise ProviderError(f"{_WHAT}: the answer has no keys")
    try:
        ends = datetime.fromisoformat(str(parts.get("Expiration")))
    except ValueError:
        raise ProviderError(f"{_WHAT}: the answer does not say when the keys end") from None
    access, secret, token = (SecretValue(str(text)) for text in texts)
    return Keys(access, secret, token), (ends if ends.tzinfo else ends.replace(tzinfo=UTC)).timestamp()
