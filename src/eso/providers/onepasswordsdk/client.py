"""Items of a 1Password vault, in the words of External Secrets Operator."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import Field

from eso.errors import InvalidRequestError, ProviderError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SecretsClient, SourceSecret
from eso.providers.common import parse_push_metadata, pushed_value
from eso.providers.gathering import gathered, read_all
from eso.providers.onepasswordsdk.api import OnePasswordAPI, RefusedError
from eso.providers.onepasswordsdk.cache import ValueCache
from eso.providers.onepasswordsdk.items import (
    PASSWORD,
    Item,
    ItemFile,
    Overview,
    Wanted,
    field_kind,
    labelled,
    named_files,
    new_field,
    only_named,
    with_field,
    with_fields,
    without_field,
)
from eso.providers.writers import Writers
from eso.transform.find import name_matcher
from eso.transform.regexp import UserRegexp
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

__all__ = ["VaultClient", "refuse_version"]

_ID: Final = re.compile(r"[a-z0-9]{26}")
_AT_ONCE: Final = 20


class _PushOptions(Model):
    """`spec` of the push metadata."""

    tags: list[str] | None = Field(default=None)
    field_type: str = ""


def refuse_version(ref: RemoteRef) -> None:
    """Items have no versions that can be asked for.

    Raises:
        InvalidRequestError: one is asked for.
    """
    if ref.version:
        raise InvalidRequestError("remoteRef.version is not supported by the provider onepasswordSDK")


class VaultClient(SecretsClient):
    """A client of one vault.

    Args:
        api: the service account.
        vault: its id.
        prefix: `op://<vault>/`, with the vault as the store names it.
        cache: of values.
    """

    def __init__(self, api: OnePasswordAPI, vault: str, prefix: str, cache: ValueCache) -> None:
        self._api = api
        self._vault = vault
        self._prefix = prefix
        self._cache = cache
        self._writers = Writers()

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        """What a secret reference resolves to."""
        refuse_version(ref)
        key = ref.key.removeprefix("/")
        kept: SecretValue | None = self._cache.get(("reference", key))
        if kept is None:
            kept = self._of_kept_item(key)
        if kept is not None:
            return kept
        return await self._cache.get_or(("reference", key), lambda: self._api.resolve(f"{self._prefix}{key}"))

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        """The fields, or the files, of an item."""
        refuse_version(ref)
        found = await self._cache.get_or(("extract", ref.key, ref.property), lambda: self._extracted(ref))
        return dict(found)

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        """The fields and files whose names match, of the items with the tags and the title."""
        matcher = name_matcher(ref.name_regexp) if ref.name_regexp is not None else None
        listed = await self._cache.get_or(("list",), lambda: self._api.overviews(self._vault))
        items = {each.id: each for each in listed if _chosen(each, ref)}
        for title, count in Counter(each.title for each in items.values()).items():
            if count > 1:
                raise _ambiguous(title, count)
        found: SecretMap = {}
        identities = list(items)
        for start in range(0, len(identities), _AT_ONCE):
            some = identities[start : start + _AT_ONCE]
            for members in await gathered([self._matching(items[each], matcher) for each in some]):
                both = sorted(found.keys() & members.keys())
                if both:
                    raise ProviderError(
                        f"more than one item of 1Password has {both[0]}: narrow the search by name, path or tags"
                    )
                found.update(members)
        return found

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        """Set one field of an item, or all of them where no `secretKey` is named; it is made where it does not exist."""
        options = parse_push_metadata(entry.metadata, _PushOptions) or _PushOptions()
        kind, title = field_kind(options.field_type), entry.remote.remote_key
        if entry.secret_key:
            values = {entry.remote.property or PASSWORD: pushed_value(source, entry)}
        else:
            values = dict(source.data)
        for name, value in values.items():
            _check_text(name, value)
        async with self._writers.writing(title):
            item = await self._found(title, fresh=True)
            if item is None:
                fields = [new_field(name, value, kind) for name, value in sorted(values.items())]
                made = await self._api.create(self._vault, title, fields, options.tags or ())
                self._forget(title, made)
                return
            if entry.secret_key:
                ((name, value),) = values.items()
                changed = with_field(item, name, value, kind)
            else:
                changed = with_fields(item, values, kind)
            if options.tags is not None:
                changed = replace(changed, tags=tuple(options.tags))
            if changed != item:
                await self._api.replace(changed)
                self._forget(title, item)

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        """Remove one field, and the item when nothing is left of it."""
        async with self._writers.writing(remote.remote_key):
            item = await self._found(remote.remote_key, fresh=True)
            if item is None or not labelled(item, [remote.property]):
                return
            changed = without_field(item, remote.property)
            if changed is None:
                await self._api.remove(self._vault, item)
            else:
                await self._api.replace(changed)
            self._forget(remote.remote_key, item)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        """Whether there is the item, and the field where one is named."""
        item = await self._found(remote.remote_key, fresh=True)
        return item is not None and (not remote.property or bool(labelled(item, [remote.property])))

    async def close(self) -> None:
        """Let go of the session in the SDK's library."""
        self._api.close()

    async def _extracted(self, ref: RemoteRef) -> SecretMap:
        item = await self._item(ref.key)
        wanted = Wanted.of(ref.property, item)
        if wanted.kind == "field":
            return labelled(item, only_named([field.title for field in item.fields], wanted.name))
        files = named_files(item, only_named([file.name for file in item.files], wanted.name))
        return await self._contents(item, files)

    async def _matching(self, listed: Overview, matcher: UserRegexp | None) -> SecretMap:
        item = await self._whole(listed.id)
        fields = labelled(item, [each.title for each in item.fields if matcher is None or matcher.search(each.title)])
        files = named_files(item, [each.name for each in item.files if matcher is None or matcher.search(each.name)])
        both = sorted(fields.keys() & files.keys())
        if both:
            raise ProviderError(f"item {item.title} of 1Password has a field and a file called {both[0]}")
        return {**fields, **await self._contents(item, files)}

    async def _contents(self, item: Item, files: Mapping[str, ItemFile]) -> SecretMap:
        async def read(name: str) -> SecretValue:
            file = files[name]
            key = ("file", item.id, file.id)
            return await self._cache.get_or(key, lambda: self._api.content(self._vault, item, file))

        return await read_all(list(files), read)

    async def _item(self, key: str) -> Item:
        kept: Item | None = self._cache.get(("item", key))
        found = kept if kept is not None else await self._found(key)
        if found is None:
            raise InvalidRequestError(f"key not found: vault {self._vault} of 1Password has no item called {key}")
        if self._cache.get(("item", found.id)) is found:
            self._cache.put(("item", found.title), found)
        return found

    async def _whole(self, identity: str, *, fresh: bool = False) -> Item:
        if fresh:
            return await self._api.item(self._vault, identity, fresh=True)
        return await self._cache.get_or(("item", identity), lambda: self._api.item(self._vault, identity))

    async def _found(self, key: str, *, fresh: bool = False) -> Item | None:
        """The item with this id or, unless there is one, this title."""
        refusal: RefusedError | None = None
        if _ID.fullmatch(key):
            try:
                return await self._whole(key, fresh=fresh)
            except RefusedError as err:
                refusal = err  # The list tells whether there is one.
        if fresh:
            listed = await self._api.overviews(self._vault, fresh=True)
        else:
            listed = await self._cache.get_or(("list",), lambda: self._api.overviews(self._vault))
        if refusal is not None and any(each.id == key for each in listed):
            raise refusal
        titled = [each.id for each in listed if each.title == key]
        if len(titled) > 1:
            raise _ambiguous(key, len(titled))
        return await self._whole(titled[0], fresh=fresh) if titled else None

    def _of_kept_item(self, key: str) -> SecretValue | None:
        """The value of `item/field`, where the item was read for something else and has exactly one such field."""
        name, _, title = key.partition("/")
        if not title or "/" in title or "?" in title:
            return None
        item: Item | None = self._cache.get(("item", name))
        values = [field.value for field in item.fields if field.title == title] if item is not None else []
        return values[0] if len(values) == 1 else None

    def _forget(self, key: str, item: Item) -> None:
        """Drop what is kept of an item that was written, whatever it was asked for by."""
        names = {key.lower(), item.title.lower(), item.id.lower()}

        def concerns(kept: Any) -> bool:
            kind, *rest = kept
            # Names in references match in any case of letters.
            return kind == "list" or str(rest[0]).split("/")[0].lower() in names

        self._cache.drop(concerns)


def _chosen(listed: Overview, ref: FindRef) -> bool:
    # An item has only names of tags: what they map to does not matter.
    tagged = ref.tags is None or all(name in listed.tags for name in ref.tags)
    return tagged and (ref.path is None or listed.title == ref.path)


def _check_text(name: str, value: SecretValue) -> None:
    try:
        value.reveal().decode()
    except UnicodeDecodeError:
        raise InvalidRequestError(f"{name} cannot be pushed to 1Password: it is not UTF-8") from None


def _ambiguous(title: str, times: int) -> InvalidRequestError:
    return InvalidRequestError(f"{times} items of one 1Password vault are called {title}: rename them, or use an id")
