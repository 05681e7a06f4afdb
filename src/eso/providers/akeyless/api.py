"""The commands of Akeyless: items and their values by type, lists of items, and writing static secrets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

import jwt

from eso.errors import InvalidRequestError, NoSecretError, ProviderError
from eso.providers.akeyless.auth import SignIn
from eso.providers.akeyless.gateway import Gateway, TokenRefusedError
from eso.providers.base import ProviderCalls
from eso.providers.http import pages
from eso.providers.renewed import Renewed
from eso.transform.gojson import byte_value, dumps
from eso.values import SecretValue

__all__ = ["MANAGED", "AkeylessAPI", "Item"]

MANAGED: Final = "k8s-external-secrets"
"""Tag of the items that the operator made."""

_LISTED: Final = ("static-secret", "dynamic-secret", "rotated-secret")
_LIFETIME: Final = 240.0
"""Seconds that a token is used which does not say when it ends; the shortest default of the vendor's is five minutes."""

_EARLY: Final = 30.0
_UNIVERSAL: Final = "u-"
"""How tokens of the universal identity begin."""

T = TypeVar("T")


class Item(NamedTuple):
    """What is known about an item without its value.

    Attributes:
        kind: for example `STATIC_SECRET`.
        tags: of the item.
    """

    kind: str
    tags: tuple[str, ...]


class AkeylessAPI:
    """One Akeyless account, as one identity; it signs in at the first request.

    Args:
        gateway: where commands go.
        sign_in: what to sign in with.
        calls: the metered way.
        ignore_cache: whether the gateway's cache is passed by.
        clock: wall clock in seconds of the epoch; measures the age of tokens.
    """

    def __init__(
        self,
        gateway: Gateway,
        sign_in: SignIn,
        calls: ProviderCalls,
        *,
        ignore_cache: bool,
        clock: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._calls = calls
        self._uncached = {"ignore-cache": "true"} if ignore_cache else {}
        self.url = gateway.url

        async def token() -> str:
            body = await sign_in.body()
            return _token_in(await self._found("auth", body, "signing in at Akeyless"))

        async def fresh() -> tuple[SecretValue, float]:
            found = await calls.write("Auth", token)
            return SecretValue(found), _end_of(found) or clock() + _LIFETIME

        self._tokens = Renewed(fresh, clock, early=_EARLY)

    async def item(self, name: str, *, fresh: bool = False) -> Item | None:
        """What the item is; None when there is none.

        Args:
            name: of the item.
            fresh: do not share the answer with others.
        """
        what = f"describing item {name}"

        async def fetch() -> Mapping[str, Any]:
            return _object(await self._signed("describe-item", {"name": name}, what), what)

        try:
            found = await self._call("DescribeItem", name, fetch, fresh)
        except NoSecretError:
            return None
        kind, tags = found.get("item_type"), found.get("item_tags")
        if not kind and not found.get("item_name"):
            return None
        return Item(str(kind or ""), tuple(map(str, tags)) if isinstance(tags, list) else ())

    async def value(self, name: str, kind: str, version: int = 0, *, fresh: bool = False) -> SecretValue:
        """The value of an item.

        Args:
            name: of the item.
            kind: its type.
            version: 0 for the latest.
            fresh: do not share the answer with others.

        Raises:
            InvalidRequestError: values of this type cannot be read.
            ProviderError: the answer holds no value.
        """
        what = f"reading item {name}"
        if kind == "STATIC_SECRET":
            sent = {"names": [name], "version": version, **self._uncached}
            found = await self._read("GetSecretValue", "get-secret-value", sent, what, fresh)
            text = found.get(name)
            if not isinstance(text, str):
                raise ProviderError(f"can't get secret {name}: the answer does not hold its value as text")
            return SecretValue(text)
        if kind == "ROTATED_SECRET":
            sent = {"names": name, "version": version, **self._uncached}
            return _rotated(await self._read("GetRotatedSecretValue", "get-rotated-secret-value", sent, what, fresh))
        if kind == "DYNAMIC_SECRET":
            sent = {"name": name}
            return _json(await self._read("GetDynamicSecretsValue", "get-dynamic-secret-value", sent, what, fresh))
        if kind == "CERTIFICATE":
            sent = {"name": name, "version": version, **self._uncached}
            return _json(await self._read("GetCertificateValue", "get-certificate-value", sent, what, fresh))
        raise InvalidRequestError(f"invalid item type of {name}: only secrets and certificates have a value")

    async def names(self, path: str, tag: str = "") -> list[str]:
        """The names of secrets below a path; with a tag only of those that have it."""
        what = "listing items"
        sent = {"filter": path, "type": list(_LISTED), "minimal-view": not tag, **({"tag": tag} if tag else {})}

        async def page(token: str) -> tuple[list[str], str]:
            wanted = {**sent, **({"pagination-token": token} if token else {})}

            async def fetch() -> Mapping[str, Any]:
                return _object(await self._found("list-items", wanted, what, signed=True), what)

            found = await self._calls.read("ListItems", (path, tag, token), fetch)
            return _names_in(found, what), str(found.get("next_page") or "")

        return [name async for name in pages(page) if name.startswith(path)]

    async def create(self, name: str, text: str) -> None:
        """Make a static secret that is marked as the operator's."""
        sent = {"name": name, "value": text, "tags": [MANAGED]}
        await self._write("CreateSecret", "create-secret", sent, f"creating item {name}")

    async def update(self, name: str, text: str) -> None:
        """Give a static secret another value."""
        await self._write(
            "UpdateSecretVal", "update-secret-val", {"name": name, "value": text}, f"updating item {name}"
        )

    async def remove(self, name: str) -> None:
        """Delete an item."""
        await self._write("DeleteItem", "delete-item", {"name": name}, f"deleting item {name}")

    async def _read(self, call: str, command: str, sent: Mapping[str, Any], what: str, fresh: bool) -> dict[str, Any]:
        async def fetch() -> dict[str, Any]:
            return _object(await self._found(command, sent, what, signed=True), what)

        key = (str(sent.get("names", sent.get("name"))), sent.get("version"))
        return await self._call(call, key, fetch, fresh)

    async def _call(self, call: str, key: Hashable, fetch: Callable[[], Awaitable[T]], fresh: bool) -> T:
        return await (self._calls.write(call, fetch) if fresh else self._calls.read(call, key, fetch))

    async def _write(self, call: str, command: str, sent: Mapping[str, Any], what: str) -> None:
        await self._calls.write(call, lambda: self._found(command, sent, what, signed=True))

    async def _found(self, command: str, sent: Mapping[str, Any], what: str, *, signed: bool = False) -> Any:
        """As `_signed`, where 404 does not mean that an item is missing."""
        try:
            return await (self._signed if signed else self._gateway.post)(command, sent, what)
        except NoSecretError as err:
            raise InvalidRequestError(f"{err}, check akeylessGWApiURL") from err

    async def _signed(self, command: str, sent: Mapping[str, Any], what: str) -> Any:
        """The answer to a command; one refusal of the token is answered by signing in anew."""
        again = True
        while True:
            token = await self._tokens.get()
            text = token.reveal_text()
            field = "uid-token" if text.startswith(_UNIVERSAL) else "token"
            try:
                return await self._gateway.post(command, {**sent, field: text}, what)
            except TokenRefusedError:
                if not again:
                    raise
                again = False
                self._tokens.forget(token)


def _object(answer: Any, what: str) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderError(f"{what}: the answer is not a JSON object")
    return answer


def _token_in(answer: Any) -> str:
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise ProviderError("signing in at Akeyless: the answer has no token")
    return token


def _end_of(token: str) -> float | None:
    """When a token that is a JWT ends, in seconds of the epoch."""
    try:
        ends = jwt.decode(token, options={"verify_signature": False, "verify_exp": False}).get("exp")
    except jwt.PyJWTError:
        return None
    return float(ends) if isinstance(ends, int | float) else None


def _names_in(answer: Mapping[str, Any], what: str) -> list[str]:
    items = answer.get("items") or []
    names = [item.get("item_name") for item in items if isinstance(item, dict)] if isinstance(items, list) else [None]
    if not all(isinstance(name, str) for name in names):
        raise ProviderError(f"{what}: the answer holds an item without name")
    return [str(name) for name in names]


def _rotated(answer: Mapping[str, Any]) -> SecretValue:
    """What of a rotated secret is its value: the payload, else the credentials of its target, else all there is."""
    if "value" not in answer:
        return _json(answer)
    value = answer["value"]
    if not isinstance(value, dict):
        raise ProviderError("the value of the rotated secret is not an object")
    if "payload" in value:
        return SecretValue(byte_value(value["payload"]))
    return _json(value.get("target_value", value))


def _json(found: Any) -> SecretValue:
    return SecretValue(dumps(found))
