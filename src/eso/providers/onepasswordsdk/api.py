"""What is asked of 1Password's SDK, in its words; its errors and its items become ours here.

The SDK tells one kind of failure by a class, the exceeded rate limit. Everything else is a bare exception whose text is the
only difference, so those become one error that names what to look at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, Protocol, TypeVar

from onepassword.errors import RateLimitExceededException
from onepassword.types import Item as SDKItem
from onepassword.types import ItemCategory, ItemCreateParams, ItemFieldType
from onepassword.types import ItemField as SDKField

from eso.errors import AccessDeniedError, InvalidRequestError, ProviderError, ThrottledError, UnavailableError
from eso.providers.base import ProviderCalls
from eso.providers.http import BODY_LIMIT
from eso.providers.onepasswordsdk.items import Item, ItemField, ItemFile, Overview, Section
from eso.values import SecretMap, SecretValue

__all__ = ["Authenticate", "OnePasswordAPI", "RefusedError", "SDKClient", "signed_in"]

T = TypeVar("T")


class RefusedError(ProviderError):
    """The SDK refused without telling why in a way that programs can read: absent, ambiguous, forbidden, not reached."""


class _Secrets(Protocol):
    async def resolve(self, secret_reference: str) -> str: ...


class _Files(Protocol):
    async def read(self, vault_id: str, item_id: str, attr: Any) -> bytes: ...


class _Items(Protocol):
    files: Any

    async def list(self, vault_id: str) -> Sequence[Any]: ...
    async def get(self, vault_id: str, item_id: str) -> Any: ...
    async def create(self, params: Any) -> Any: ...
    async def put(self, item: Any) -> Any: ...
    async def delete(self, vault_id: str, item_id: str) -> None: ...


class _Vaults(Protocol):
    async def list(self) -> Sequence[Any]: ...


class _Environments(Protocol):
    async def get_variables(self, environment_id: str) -> Any: ...


class SDKClient(Protocol):
    """The part of `onepassword.Client` that is used."""

    @property
    def secrets(self) -> _Secrets:
        """Secret references."""

    @property
    def items(self) -> _Items:
        """Items of vaults."""

    @property
    def vaults(self) -> _Vaults:
        """Vaults."""

    @property
    def environments(self) -> _Environments:
        """Environments."""


Authenticate = Callable[[str, str, str], Awaitable[SDKClient]]
"""Signs in with a token, under the name and the version of an integration: `onepassword.Client.authenticate`."""

_RATE: Final = "too many requests for the service account or the whole account, it is tried again later"


async def signed_in(
    authenticate: Authenticate, token: SecretValue, name: str, version: str, calls: ProviderCalls, timeout: float
) -> OnePasswordAPI:
    """Sign in.

    Args:
        authenticate: of the SDK.
        token: of a service account.
        name: of the integration.
        version: of the integration.
        calls: the metered way.
        timeout: seconds for each request.

    Raises:
        AccessDeniedError: the token is refused, or 1Password cannot be reached: the SDK does not tell which.
    """
    what = "signing in to 1Password"

    async def send() -> SDKClient:
        try:
            async with _limited(what, timeout):
                return await authenticate(token.reveal_text(), name, version)
        except RefusedError:
            raise AccessDeniedError(
                f"{what} failed: check the service account token in its Secret, and the network to 1password.com"
            ) from None

    return OnePasswordAPI(await calls.write("Authenticate", send), calls, timeout)


class OnePasswordAPI:
    """One service account.

    Args:
        sdk: signed in.
        calls: the metered way.
        timeout: seconds for each request.
    """

    def __init__(self, sdk: SDKClient, calls: ProviderCalls, timeout: float) -> None:
        self._sdk = sdk
        self._calls = calls
        self._timeout = timeout

    async def vault(self, name: str) -> str:
        """The id of a vault given by title or id.

        Raises:
            InvalidRequestError: the service account sees no such vault.
        """
        what = "listing the vaults of 1Password"
        found = await self._read("VaultsList", (), what, self._sdk.vaults.list)
        with _malformed(what):
            ids = [str(each.id) for each in found if name in (each.title, each.id)]
        if not ids:
            raise InvalidRequestError(
                f"vault {name} not found: the service account of 1Password sees none of this name"
            )
        return ids[0]

    async def resolve(self, reference: str) -> SecretValue:
        """The value behind a secret reference.

        Raises:
            RefusedError: it cannot be resolved.
        """
        what = f"resolving {reference} at 1Password"
        found = await self._read("Resolve", (reference,), what, lambda: self._sdk.secrets.resolve(reference))
        return _bounded(SecretValue(found), what)

    async def overviews(self, vault: str, *, fresh: bool = False) -> list[Overview]:
        """The items of a vault."""
        what = f"listing the items of vault {vault} of 1Password"
        found = await self._read("ItemsList", (vault,), what, lambda: self._sdk.items.list(vault), fresh=fresh)
        with _malformed(what):
            return [Overview(str(each.id), str(each.title), frozenset(each.tags or ())) for each in found]

    async def item(self, vault: str, identity: str, *, fresh: bool = False) -> Item:
        """A whole item.

        Raises:
            RefusedError: there is none, perhaps.
        """
        what = f"reading item {identity} of 1Password"
        found = await self._read(
            "ItemsGet", (vault, identity), what, lambda: self._sdk.items.get(vault, identity), fresh=fresh
        )
        with _malformed(what):
            return _item(found)

    async def content(self, vault: str, item: Item, file: ItemFile) -> SecretValue:
        """The bytes of a file."""
        what = f"reading file {file.name} of item {item.title} of 1Password"
        found = await self._read(
            "FilesRead",
            (vault, item.id, file.id),
            what,
            lambda: self._sdk.items.files.read(vault, item.id, file.source),
        )
        return _bounded(SecretValue(found), what)

    async def variables(self, environment: str) -> SecretMap:
        """The variables of an Environment."""
        what = f"reading Environment {environment} of 1Password"
        found = await self._read(
            "EnvironmentsGetVariables",
            (environment,),
            what,
            lambda: self._sdk.environments.get_variables(environment),
        )
        with _malformed(what):
            return {str(each.name): SecretValue(each.value) for each in found.variables}

    async def create(self, vault: str, title: str, fields: Sequence[ItemField], tags: Sequence[str]) -> Item:
        """Make an item of category Server."""
        what = f"creating item {title} at 1Password"
        params = ItemCreateParams(
            category=ItemCategory.SERVER,
            vault_id=vault,
            title=title,
            fields=[_sdk_field(each) for each in fields],
            tags=list(tags),
        )
        made = await self._write("ItemsCreate", what, lambda: self._sdk.items.create(params))
        with _malformed(what):
            return _item(made)

    async def replace(self, item: Item) -> None:
        """Replace an item; one that changed meanwhile is refused."""
        source: SDKItem = item.source
        kept = {section.id for section in item.sections}
        changed = source.model_copy(
            update={
                "fields": [_sdk_field(each) for each in item.fields],
                "sections": [each for each in source.sections if each.id in kept],
                "tags": list(item.tags),
            }
        )
        await self._write("ItemsPut", f"updating item {item.title} at 1Password", lambda: self._sdk.items.put(changed))

    async def remove(self, vault: str, item: Item) -> None:
        """Delete an item."""
        what = f"deleting item {item.title} at 1Password"
        await self._write("ItemsDelete", what, lambda: self._sdk.items.delete(vault, item.id))

    def close(self) -> None:
        """Let go of the session in the SDK's library; safe to repeat."""
        # The SDK would keep it until the process ends: its finalizer watches a class, not the client.
        release = getattr(self._sdk, "_finalizer", None)
        if callable(release):
            release()

    async def _read(
        self, call: str, key: tuple[str, ...], what: str, ask: Callable[[], Awaitable[T]], *, fresh: bool = False
    ) -> T:
        async def fetch() -> T:
            async with _limited(what, self._timeout):
                return await ask()

        return await (self._calls.write(call, fetch) if fresh else self._calls.read(call, key, fetch))

    async def _write(self, call: str, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        async def send() -> T:
            async with _limited(what, self._timeout):
                return await ask()

        return await self._calls.write(call, send)


@asynccontextmanager
async def _limited(what: str, seconds: float) -> AsyncIterator[None]:
    """Bounds a request in time, and turns the SDK's errors into ours; their texts are the vendor's and are left out."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise UnavailableError(f"{what}: the provider did not answer in time") from None
    except RateLimitExceededException:
        raise ThrottledError(f"{what}: {_RATE}") from None
    except (ValueError, TypeError):
        raise ProviderError(f"{what}: the provider's answer is malformed") from None
    except Exception:  # noqa: BLE001 - the SDK raises nothing more specific
        raise RefusedError(
            f"{what}: 1Password refuses it or cannot be reached. Check that it exists exactly once, and what the "
            "service account may do"
        ) from None


@contextmanager
def _malformed(what: str) -> Iterator[None]:
    try:
        yield
    except (AttributeError, TypeError, ValueError):
        raise ProviderError(f"{what}: the provider's answer is malformed") from None


def _bounded(value: SecretValue, what: str) -> SecretValue:
    if len(value) > BODY_LIMIT:
        raise InvalidRequestError(f"{what}: the answer is longer than {BODY_LIMIT} bytes, which no Secret can hold")
    return value


def _item(found: Any) -> Item:
    files = [ItemFile(each.attributes.name, each.attributes.id, each.attributes) for each in found.files or ()]
    document = getattr(found, "document", None)
    if document is not None and document.id not in {file.id for file in files}:
        files.insert(0, ItemFile(document.name, document.id, document))
    return Item(
        id=found.id,
        title=found.title,
        category=_word(found.category),
        fields=tuple(
            ItemField(each.title, SecretValue(each.value), _word(each.field_type), each.id, each)
            for each in found.fields or ()
        ),
        files=tuple(files),
        sections=tuple(Section(each.id, each.title) for each in found.sections or ()),
        tags=tuple(found.tags or ()),
        source=found,
    )


def _sdk_field(field: ItemField) -> SDKField:
    kind, value = ItemFieldType(field.kind), field.value.reveal_text()
    if field.source is None:
        return SDKField(id=field.id, title=field.title, field_type=kind, value=value)
    source: SDKField = field.source
    update: dict[str, Any] = {"field_type": kind, "value": value, "section_id": source.section_id or None}
    if source.field_type != kind:
        update["details"] = None  # they belong to the type that it had
    return source.model_copy(update=update)


def _word(value: Any) -> str:
    return str(getattr(value, "value", value))
