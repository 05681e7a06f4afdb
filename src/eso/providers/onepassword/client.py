"""Items of 1Password, in the words of External Secrets Operator."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import Field

from eso.errors import InvalidRequestError, InvalidSpecError, NoSecretError, ProviderError, UnavailableError
from eso.providers.base import (
    FindRef,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.providers.common import parse_push_metadata, pushed_value
from eso.providers.gathering import gathered, read_all
from eso.providers.onepassword.api import ConnectAPI, Item, id_of, is_id
from eso.providers.onepassword.items import (
    PASSWORD,
    Wanted,
    files_of,
    labelled,
    new_item,
    only_field,
    with_field,
    without_field,
)
from eso.providers.writers import Writers
from eso.transform.find import name_matcher
from eso.transform.regexp import UserRegexp
from eso.values import SecretMap, SecretValue, wrap_all
from reconcile.api.model import Model

__all__ = ["OnePasswordClient"]

_LOOKS: Final = 10
"""Times that a written item is looked for; source: External Secrets Operator waits 5 s, in steps of half a second."""

_AT_ONCE: Final = 20


class _PushOptions(Model):
    """`spec` of the push metadata."""

    tags: list[str] | None = Field(default=None)
    vault: str = ""


class OnePasswordClient(SecretsClient):
    """A client of some vaults.

    Args:
        api: the Connect server.
        vaults: titles or ids, in the order in which they are searched.
        pause: seconds between looks for an item that was written.
    """

    def __init__(self, api: ConnectAPI, vaults: Sequence[str], *, pause: float) -> None:
        self._api = api
        self._vaults = list(vaults)
        self._pause = pause
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """A field or a file of an item."""
        item = await self._item(ref)
        wanted = Wanted.of(ref.property, item)
        if wanted.kind == "field":
            return SecretValue(only_field(item, wanted.name or PASSWORD))
        files = files_of(item, wanted.name)
        if not files:
            raise ProviderError(f"item {ref.key} of 1Password has no file {wanted.name}".rstrip())
        name, path = next(iter(files.items()))
        return SecretValue(await self._api.content(path, name))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The fields, or the files, of an item."""
        item = await self._item(ref)
        wanted = Wanted.of(ref.property, item)
        if wanted.kind == "field":
            return wrap_all(labelled(item, wanted.name or None))
        return await self._contents(files_of(item, wanted.name))

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The fields and files whose names match; of the first vault only where tags are asked for."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        found: SecretMap = {}
        for name in self._vaults:
            vault = await self._api.vault(name)
            if ref.tags is not None:
                summaries = [one for one in await self._api.items(vault) if _tagged(one, ref.tags)]
            elif ref.path is not None:
                summaries = await self._api.titled(vault, ref.path)
            else:
                summaries = await self._api.items(vault)
            for start in range(0, len(summaries), _AT_ONCE):
                some = [self._of_item(vault, one, matcher) for one in summaries[start : start + _AT_ONCE]]
                for members in await gathered(some):
                    found = {**members, **found}
            if ref.tags is not None:
                break
        return found

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Set one field of an item, which is made where it does not exist."""
        if not entry.secret_key:
            raise InvalidRequestError("key not found: a push to 1Password needs secretKey")
        options = parse_push_metadata(entry.metadata, _PushOptions) or _PushOptions()
        if options.vault and options.vault not in self._vaults:
            raise InvalidSpecError(f"metadata.spec.vault {options.vault} is not one of the vaults of the store")
        try:
            value = pushed_value(source, entry).reveal().decode()
        except UnicodeDecodeError:
            raise InvalidRequestError(f"{entry.secret_key} cannot be pushed to 1Password: it is not UTF-8") from None
        title, label = entry.remote.remote_key, entry.remote.property or PASSWORD
        async with self._writers.writing(title):
            placed = await self._find(title, fresh=True)
            if placed is None:
                vault = await self._api.vault(options.vault or self._vaults[0])
                await self._api.create(new_item(title, vault, label, value, options.tags or ()), vault)
            else:
                vault, item = placed
                changed = with_field(item, label, value, options.tags)
                if changed == item:
                    return
                await self._api.replace(changed, vault)
            await self._visible(vault, title, label, value)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove one field, and the item when nothing is left of it."""
        async with self._writers.writing(remote.remote_key):
            placed = await self._find(remote.remote_key, fresh=True)
            if placed is None:
                return
            vault, item = placed
            changed = without_field(item, remote.property)
            if changed is None:
                await self._api.remove(str(item["id"]), vault)
            elif changed != item:
                await self._api.replace(changed, vault)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is the item, and the field where one is named."""
        placed = await self._find(remote.remote_key, fresh=True)
        return placed is not None and (not remote.property or bool(labelled(placed[1], remote.property)))

    async def validate(self) -> ValidationResult:
        """Read every vault."""
        for name in self._vaults:
            await self._api.vault(name, fresh=True)
        return ValidationResult.READY

    async def _item(self, ref: RemoteRef) -> Item:
        if ref.version:
            raise InvalidRequestError("remoteRef.version is not implemented by the 1Password provider: remove it")
        placed = await self._find(ref.key)
        if placed is None:
            # Never a NoSecretError, as in External Secrets Operator: an item that was renamed deletes nothing.
            raise InvalidRequestError(f"key not found in 1Password vaults: {ref.key} in {', '.join(self._vaults)}")
        return placed[1]

    async def _find(self, key: str, *, fresh: bool = False) -> tuple[str, Item] | None:
        """The first vault with such an item, and the item."""
        for name in self._vaults:
            vault = await self._api.vault(name)
            item = await self._within(vault, key, fresh=fresh)
            if item is not None:
                return vault, item
        return None

    async def _within(self, vault: str, key: str, *, fresh: bool) -> Item | None:
        """The item of a vault with this id or, unless there is one, this title."""
        if is_id(key):
            try:
                return await self._api.item(vault, key, fresh=fresh)
            except NoSecretError:
                pass  # It may still be a title.
        summaries = await self._api.titled(vault, key, fresh=fresh)
        if len(summaries) > 1:
            raise InvalidRequestError(f"{len(summaries)} items of one 1Password vault are called {key}: rename them")
        try:
            return await self._api.item(vault, _listed(summaries[0], vault), fresh=fresh) if summaries else None
        except NoSecretError:
            return None  # Deleted a moment ago.

    async def _of_item(self, vault: str, summary: Item, matcher: UserRegexp | None) -> SecretMap:
        def wanted(name: str) -> bool:
            return matcher is None or matcher.search(name)

        # As in External Secrets Operator: files count where the summary names them.
        files = {name: path for name, path in files_of(summary).items() if wanted(name)}
        try:
            fields = labelled(await self._api.item(vault, _listed(summary, vault)))
        except NoSecretError:
            return {}  # Deleted a moment ago.
        found = wrap_all({label: value for label, value in fields.items() if wanted(label)})
        return {**found, **await self._contents(files)}

    async def _contents(self, files: dict[str, str]) -> SecretMap:
        async def read(name: str) -> SecretValue:
            return SecretValue(await self._api.content(files[name], name))

        return await read_all(list(files), read)

    async def _visible(self, vault: str, title: str, label: str, value: str) -> None:
        """Wait until the server shows what was written: until then a second writer would make the item again."""
        for look in range(_LOOKS + 1):
            if look:
                await asyncio.sleep(self._pause)
            item = await self._within(vault, title, fresh=True)
            if item is not None and labelled(item, label) == {label: value}:
                return
        raise UnavailableError(f"item {title} was written to 1Password, but the server does not show it yet")


def _listed(summary: Item, vault: str) -> str:
    return id_of(summary, f"listing the items of vault {vault} of 1Password")


def _tagged(summary: Item, wanted: Mapping[str, str]) -> bool:
    """Whether it has all the tags; what they map to does not matter, an item has only names."""
    tags = summary.get("tags")
    return all(name in (tags if isinstance(tags, list) else ()) for name in wanted)
