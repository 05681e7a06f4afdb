"""Secrets and managed accounts of Password Safe, in the words of External Secrets Operator."""

from __future__ import annotations

from eso.errors import AccessDeniedError, InvalidRequestError
from eso.providers.base import (
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.beyondtrust.api import Found, PasswordSafeAPI
from eso.providers.beyondtrust.newsecret import FILE, NewSecret
from eso.providers.beyondtrust.paths import AccountPath, SecretPath
from eso.providers.beyondtrust.spec import BeyondtrustServer
from eso.providers.common import pushed_value
from eso.providers.tcpprobe import tcp_probe
from eso.values import SecretValue

__all__ = ["BeyondtrustClient"]


class BeyondtrustClient(SecretsClient):
    """Reads secrets, or managed accounts, and makes new secrets.

    Args:
        api: the server.
        server: what the store says about it.
    """

    def __init__(self, api: PasswordSafeAPI, server: BeyondtrustServer) -> None:
        self._api = api
        self._server = server
        separator = server.separator or "/"
        self._separator = separator if separator.strip() else "/"
        self._of_secrets = (server.retrieval_type or "").upper() == "SECRET"

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """The password, text or file, whatever the property; what is missing is a plain error."""
        if self._of_secrets:
            path = SecretPath.of(ref.key, self._separator)
            return await self._api.secret(path, self._separator, decrypt=self._server.decrypt)
        return await self._api.credential(AccountPath.of(ref.key, self._separator))

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Make a secret as the metadata says, unless there is the same one already; the remote key does not matter."""
        new = NewSecret.of(entry.metadata, pushed_value(source, entry), self._server.api_version or "")
        folder = await self._api.folder(new.folder)
        if not await self._is_there(new, folder):
            await self._api.create(new, folder)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether some secret has the remote key as its title."""
        return bool(await self._api.titled(remote.remote_key, decrypt=False))

    async def validate(self) -> ValidationResult:
        """Connect to the server; signing in waits for the first read."""
        await tcp_probe(self._server.api_url, "the server of BeyondTrust")
        return ValidationResult.READY

    async def close(self) -> None:
        """Sign out."""
        await self._api.close()

    async def _is_there(self, new: NewSecret, folder: str) -> bool:
        """Whether the folder holds the same secret: a push that is repeated makes no second one."""
        try:
            hits = await self._api.titled(new.title, decrypt=True)
            return any([await self._is_same(hit, new) for hit in hits if hit.folder == folder and hit.kind == new.kind])
        except (AccessDeniedError, InvalidRequestError):
            return False  # Who may write need not be allowed to read.

    async def _is_same(self, hit: Found, new: NewSecret) -> bool:
        if hit.kind == FILE:
            if hit.file_name != new.file_name:
                return False
            return await self._api.content(hit, f"comparing file {new.title} of BeyondTrust") == new.value
        return hit.username == new.username and hit.password == new.value
