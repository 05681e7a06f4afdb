"""Certificate Manager in the words of External Secrets Operator."""

from __future__ import annotations

import asyncio
import secrets
import string
from collections import OrderedDict
from typing import Final, Generic, TypeVar

from pydantic import Field

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError
from eso.identity.aws import AWSConnection
from eso.providers.aws.certificatemanager_api import CertificateManagerAPI
from eso.providers.aws.certificates import bundle, fingerprint, leaf_and_chain, unlocked
from eso.providers.aws.client import MANAGED_BY, MANAGER, AWSSecretsClient, is_managed, tag_changes
from eso.providers.base import PushEntry, PushRemoteRef, RemoteRef, SourceSecret
from eso.providers.common import parse_push_metadata
from eso.values import SecretValue
from reconcile.api.model import Model

__all__ = ["CertificateManagerClient"]

T = TypeVar("T")

REMOTE_KEY: Final = "external-secrets-remote-key"
_RESERVED: Final = frozenset((MANAGED_BY, REMOTE_KEY))

_KEPT: Final = 86400.0
"""Seconds that ARNs and exports are remembered; exports are compared with the present certificate before each use."""

_MOST_ARNS: Final = 512
_MOST_EXPORTS: Final = 128
_PASSPHRASE: Final = 32


class _Options(Model):
    """`spec` of the PushSecretMetadata."""

    tags: dict[str, str] = Field(default_factory=dict)


class _Memory(Generic[T]):
    """The most recently used entries, each for a while."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, key: str) -> T | None:
        found = self._entries.get(key)
        if found is None:
            return None
        if found[0] <= asyncio.get_running_loop().time():
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return found[1]

    def put(self, key: str, value: T) -> None:
        self._entries[key] = (asyncio.get_running_loop().time() + _KEPT, value)
        self._entries.move_to_end(key)
        while len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def drop(self, key: str) -> None:
        self._entries.pop(key, None)


class CertificateManagerClient(AWSSecretsClient):
    """Certificates of one account in one region.

    Args:
        connection: the identity; closed with this.
        api: the service.
        prefix: put before the keys of pushed certificates, not before ARNs.
    """

    def __init__(self, connection: AWSConnection, api: CertificateManagerAPI, prefix: str) -> None:
        super().__init__(connection, prefix)
        self._api = api
        # The tagging API finds a new certificate only after a while; without this a second push would import it again.
        self._arns: _Memory[str] = _Memory(_MOST_ARNS)
        self._exports: _Memory[tuple[str, SecretValue]] = _Memory(_MOST_EXPORTS)
        # What was imported, and what AWS then said it holds: AWS may complete a chain, which is no reason to import again.
        self._imports: _Memory[tuple[str, str]] = _Memory(_MOST_ARNS)

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """Leaf, chain and private key as one PEM text; property and version do not count."""
        try:
            return await self._exported(ref.key)
        except NoSecretError as err:
            # A wrong ARN must not make anybody delete a Secret in use.
            raise ProviderError(str(err)) from err

    async def _exported(self, arn: str) -> SecretValue:
        present = await self._fingerprint(arn)
        known = self._exports.get(arn)
        if known is not None and known[0] == present:
            return known[1]
        if not await self._api.may_be_exported(arn):
            raise InvalidRequestError(f"certificate {arn} does not have export enabled")
        alphabet = string.ascii_letters + string.digits
        passphrase = "".join(secrets.choice(alphabet) for _ in range(_PASSPHRASE)).encode()
        found = await self._api.export(arn, passphrase)
        key = await asyncio.to_thread(unlocked, found.key.encode(), passphrase)
        value = bundle(found.leaf, found.chain, key)
        self._exports.put(arn, (present, value))
        return value

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Import the certificate of a TLS Secret, or import it again under its ARN when it differs."""
        if entry.secret_key:
            raise InvalidSpecError("secretKey must be empty: a certificate is pushed from tls.crt and tls.key together")
        options = parse_push_metadata(entry.metadata, _Options) or _Options()
        for tag in _RESERVED & options.tags.keys():
            raise InvalidSpecError(f"metadata tags may not hold {tag}: external-secrets sets it")
        leaf, chain = leaf_and_chain(_part(source, "tls.crt"))
        key = _part(source, "tls.key")
        name = self._key(entry.remote.remote_key)
        arn = await self._arn(name)
        if arn is not None:
            try:
                await self._update(arn, leaf, chain, key)
            except NoSecretError:
                self._arns.drop(name)
                arn = None
        if arn is None:
            arn = await self._api.import_(leaf, chain, key, tags={MANAGED_BY: MANAGER, REMOTE_KEY: name})
            self._arns.put(name, arn)
            self._imports.put(arn, (fingerprint(leaf, chain), await self._fingerprint(arn)))
        tags = await self._api.tags(arn)
        await self._api.change_tags(arn, tags, *tag_changes(tags, options.tags, _RESERVED))

    async def _update(self, arn: str, leaf: bytes, chain: bytes, key: bytes) -> None:
        wanted, present = fingerprint(leaf, chain), await self._fingerprint(arn)
        if present == wanted or self._imports.get(arn) == (wanted, present):
            return
        await self._api.import_(leaf, chain, key, arn=arn)
        self._imports.put(arn, (wanted, await self._fingerprint(arn)))

    async def _fingerprint(self, arn: str) -> str:
        return fingerprint(*(text.encode() for text in await self._api.certificate(arn)))

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Delete a certificate that this operator imported."""
        name = self._key(remote.remote_key)
        arn = await self._arn(name)
        if arn is None:
            return
        try:
            if not is_managed(await self._api.tags(arn)):
                raise ProviderError(f"certificate {arn} is not managed by external-secrets")
            await self._api.delete(arn)
        except NoSecretError:
            pass
        self._arns.drop(name)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether a certificate was pushed under the key and is still there."""
        name = self._key(remote.remote_key)
        arn = await self._arn(name)
        if arn is None:
            return False
        try:
            await self._api.tags(arn)
        except NoSecretError:
            self._arns.drop(name)
            return False
        return True

    async def _arn(self, name: str) -> str | None:
        known = self._arns.get(name)
        if known is not None:
            return known
        found = await self._api.with_tags({MANAGED_BY: MANAGER, REMOTE_KEY: name})
        if not found:
            return None
        arn = min(found)
        self._arns.put(name, arn)
        return arn


def _part(source: SourceSecret, key: str) -> bytes:
    value = source.data.get(key)
    if not value:
        raise InvalidSpecError(f"the Secret has no {key}: a certificate is pushed from tls.crt and tls.key")
    return value.reveal()
