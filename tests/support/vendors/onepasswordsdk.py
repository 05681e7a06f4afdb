"""1Password as its SDK shows it: a client in this process with the SDK's own types and its own, mute errors."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from onepassword.errors import RateLimitExceededException
from onepassword.types import (
    EnvironmentVariable,
    FileAttributes,
    GetVariablesResponse,
    Item,
    ItemCategory,
    ItemField,
    ItemFieldType,
    ItemFile,
    ItemOverview,
    ItemSection,
    ItemState,
)

__all__ = ["TOKEN", "OnePassword", "identity"]

TOKEN = "ops_canary-token"

_NOW: Any = "2026-01-02T03:04:05Z"


def identity(number: int) -> str:
    """The id that stands for a number."""
    return f"{number:0>4}".rjust(26, "a")


@dataclass
class OnePassword:
    """An account with one service account.

    Attributes:
        vaults: id -> title.
        items: id -> item.
        contents: id of an item and of a file -> bytes.
        variables: id of an Environment -> names and values.
        tokens: that are accepted.
        seen: what was asked, with the arguments that tell.
        integrations: under which names and versions was signed in.
        fault: how every request fails: `refused`, `throttled`, `silent`, `malformed`, `huge`.
        open: sessions that were not released.
    """

    vaults: dict[str, str] = field(default_factory=lambda: {identity(1): "prod"})
    items: dict[str, Item] = field(default_factory=dict)
    contents: dict[tuple[str, str], bytes] = field(default_factory=dict)
    variables: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    seen: list[str] = field(default_factory=list)
    integrations: list[tuple[str, str]] = field(default_factory=list)
    fault: str = ""
    open: int = 0
    _number: int = 100

    def item(
        self, title: str, *fields: tuple[str, str], category: str = "Login", tags: tuple[str, ...] = (), **more: Any
    ) -> str:
        """A new item of the first vault with some concealed fields."""
        self._number += 1
        made = identity(self._number)
        self.items[made] = Item(
            id=made,
            title=title,
            category=ItemCategory(category),
            vault_id=next(iter(self.vaults)),
            fields=[
                ItemField(id=f"f{n}", title=name, value=value, field_type=ItemFieldType.CONCEALED, section_id=None)
                for n, (name, value) in enumerate(fields)
            ],
            **{
                "sections": [],
                "notes": "kept",
                "tags": list(tags),
                "websites": [],
                "version": 1,
                "files": [],
                "created_at": _NOW,
                "updated_at": _NOW,
                **more,
            },
        )
        return made

    def file(self, item: str, name: str, content: bytes, *, document: bool = False) -> None:
        """Attach a file, or make it the file of a document."""
        self._number += 1
        attributes = FileAttributes(name=name, id=identity(self._number), size=len(content))
        self.contents[item, attributes.id] = content
        if document:
            self.items[item].document = attributes
        else:
            self.items[item].files.append(ItemFile(attributes=attributes, section_id="s", field_id=f"field-{name}"))

    def titled(self, title: str) -> Item:
        """The only item with a title."""
        (found,) = [item for item in self.items.values() if item.title == title]
        return found

    async def authenticate(self, token: str, name: str, version: str) -> Any:
        """As `onepassword.Client.authenticate`."""
        self.seen.append("authenticate")
        await self._answer()
        if token not in self.tokens:
            raise Exception(f"invalid service account token: {token}")
        self.integrations.append((name, version))
        self.open += 1
        return _Session(self)

    async def _answer(self) -> Any:
        match self.fault:
            case "refused":
                raise Exception("no item matched the secret reference query canary-value")
            case "throttled":
                raise RateLimitExceededException("rate limit exceeded canary-value")
            case "silent":
                await asyncio.sleep(60)
            case "malformed":
                Item.model_validate_json('{"title": "canary-value"}')
        await asyncio.sleep(0)


class _Session:
    """What `onepassword.Client` has."""

    def __init__(self, account: OnePassword) -> None:
        self._account = account
        self._released = False
        self.secrets = SimpleNamespace(resolve=self._resolve)
        self.vaults = SimpleNamespace(list=self._vaults)
        self.environments = SimpleNamespace(get_variables=self._variables)
        self.items = SimpleNamespace(
            list=self._list,
            get=self._get,
            create=self._create,
            put=self._put,
            delete=self._delete,
            files=SimpleNamespace(read=self._read),
        )

    def _finalizer(self) -> None:
        if not self._released:
            self._released = True
            self._account.open -= 1

    async def _asked(self, *what: str) -> OnePassword:
        self._account.seen.append(" ".join(what))
        await self._account._answer()
        return self._account

    async def _resolve(self, reference: str) -> str:
        account = await self._asked("resolve", reference)
        if account.fault == "huge":
            return "x" * 10_000_000
        parts, _, attribute = reference.removeprefix("op://").partition("?")
        vault, name, *_, title = parts.split("/")
        if vault not in [*account.vaults, *account.vaults.values()]:
            raise Exception("no vault matched the secret reference query canary-value")
        fields = [
            each
            for item in account.items.values()
            if name in (item.id, item.title)
            for each in item.fields
            if title in (each.id, each.title)
        ]
        if len(fields) != 1:
            raise Exception(f"{len(fields)} fields matched the secret reference query canary-value")
        return f"{fields[0].value}?{attribute}" if attribute else fields[0].value

    async def _vaults(self) -> list[Any]:
        account = await self._asked("vaults")
        return [SimpleNamespace(id=key, title=title) for key, title in account.vaults.items()]

    async def _variables(self, environment: str) -> GetVariablesResponse:
        account = await self._asked("variables", environment)
        if environment not in account.variables:
            raise Exception("environment not found canary-value")
        found = account.variables[environment]
        return GetVariablesResponse(
            variables=[EnvironmentVariable(name=name, value=value, masked=True) for name, value in found.items()]
        )

    async def _list(self, vault: str) -> list[ItemOverview]:
        account = await self._asked("list", vault)
        return [
            ItemOverview(
                id=each.id,
                title=each.title,
                category=each.category,
                vault_id=each.vault_id,
                websites=[],
                tags=each.tags,
                created_at=_NOW,
                updated_at=_NOW,
                state=ItemState.ACTIVE,
            )
            for each in account.items.values()
            if each.vault_id == vault
        ]

    async def _get(self, vault: str, item: str) -> Item:
        account = await self._asked("get", item)
        if item not in account.items or vault not in account.vaults:
            raise Exception("item not found canary-value")
        return account.items[item].model_copy(deep=True)

    async def _create(self, params: Any) -> Item:
        account = await self._asked("create", params.title)
        assert len({each.id for each in params.fields}) == len(params.fields)
        made = account.item(params.title, category=params.category.value, tags=tuple(params.tags or ()))
        # A pushed field comes back in a section without id and title.
        fields = [each.model_copy(update={"section_id": ""}) for each in params.fields]
        account.items[made] = account.items[made].model_copy(
            update={"fields": fields, "sections": [ItemSection(id="", title="")]}
        )
        return account.items[made]

    async def _put(self, item: Item) -> Item:
        account = await self._asked("put", item.id)
        if item.version != account.items[item.id].version:
            raise Exception("the item changed meanwhile canary-value")
        if any(each.section_id == "" for each in item.fields):
            raise Exception("section not found canary-value")
        item.model_dump(by_alias=True)
        account.items[item.id] = item.model_copy(update={"version": item.version + 1}, deep=True)
        return account.items[item.id]

    async def _delete(self, vault: str, item: str) -> None:
        account = await self._asked("delete", item)
        del account.items[item]

    async def _read(self, vault: str, item: str, attributes: FileAttributes) -> bytes:
        account = await self._asked("read", item, attributes.name)
        return account.contents[item, attributes.id]
