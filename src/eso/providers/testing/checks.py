"""The checks of the contract, each by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Final

from eso.errors import EsoError, InvalidRequestError, NoSecretError
from eso.providers.base import FindRef, PushEntry, PushRemoteRef, RemoteRef, SourceSecret, ValidationResult
from eso.providers.testing.faults import FAULTS
from eso.providers.testing.subject import ContractError, Subject
from eso.providers.testing.watching import client_of, is_value, must, raises, silent, watched_logs
from eso.values import SecretValue
from reconcile.schema import schema_of

__all__ = ["CHECKS", "run_check"]

_AT_ONCE: Final = 16
_ABSENT_PROPERTY: Final = "no_such_property"


async def run_check(name: str, subject: Subject) -> None:
    """Run one check of `CHECKS`.

    Raises:
        ContractError: the provider breaks the contract.
        KeyError: there is no such check.
    """
    check = CHECKS[name]
    with watched_logs(subject):
        await check(subject)


async def _describes_itself(subject: Subject) -> None:
    """It has a name, and a spec that has a structural schema, so that the CRD can describe it."""
    name = subject.provider.name
    must(name.isidentifier() and name[:1].islower(), f"the name {name!r} is not a lowerCamelCase key of spec.provider")
    try:
        schema = schema_of(subject.provider.spec_type)
    except TypeError as err:
        raise ContractError(f"spec_type of {name} has no structural schema: {err}") from err
    must(schema.get("type") == "object", f"spec_type of {name} must be a model: spec.provider.{name} is an object")


async def _validates(subject: Subject) -> None:
    """A store that works is Ready."""
    async with client_of(subject) as client:
        result = await client.validate()
    must(result is ValidationResult.READY, "validate() must answer READY for a backend that works")


async def _reads_values(subject: Subject) -> None:
    """The whole secret, byte for byte, or the refusal of a provider that only writes."""
    async with client_of(subject) as client:
        if not subject.reads:
            await raises(InvalidRequestError, client.get_secret(RemoteRef(subject.key)), subject, "a read")
            return
        found = await client.get_secret(RemoteRef(subject.key))
    is_value(found, subject.value, "get_secret without a property")


async def _selects_properties(subject: Subject) -> None:
    """A property of the secret; one that it does not have is a missing secret."""
    if not subject.reads:
        return
    async with client_of(subject) as client:
        found = await client.get_secret(RemoteRef(subject.key, subject.property_name))
        is_value(found, subject.property_value, "get_secret with a property")
        absent = RemoteRef(subject.key, _ABSENT_PROPERTY)
        await raises(subject.absent_property, client.get_secret(absent), subject, "a property that does not exist")


async def _misses_absent_secrets(subject: Subject) -> None:
    """What does not exist raises NoSecretError: deletionPolicy depends on it."""
    if not subject.reads:
        return
    async with client_of(subject) as client:
        for attempt in ("at first", "again"):
            what = f"a secret that does not exist, read {attempt}"
            await raises(NoSecretError, client.get_secret(RemoteRef(subject.missing)), subject, what)


async def _extracts(subject: Subject) -> None:
    """`dataFrom.extract` has the property among its keys, or is refused as unsupported."""
    async with client_of(subject) as client:
        try:
            found = await client.get_secret_map(RemoteRef(subject.key))
        except InvalidRequestError as err:
            silent(err, subject, "the refusal of get_secret_map")
            return
        must(subject.property_name in found, "get_secret_map must have the members of the object as keys")
        is_value(found[subject.property_name], subject.property_value, "get_secret_map")
        await raises(NoSecretError, client.get_secret_map(RemoteRef(subject.missing)), subject, "a missing extract")


async def _finds(subject: Subject) -> None:
    """`dataFrom.find` finds the secret; where no FindRef is given, find must be refused."""
    async with client_of(subject) as client:
        if subject.find is None:
            await raises(InvalidRequestError, client.get_all_secrets(FindRef(name_regexp=".*")), subject, "a find")
            return
        found = await client.get_all_secrets(subject.find)
        nothing = await client.get_all_secrets(FindRef(name_regexp="^no-secret-has-this-name$"))
    must(any(value == SecretValue(subject.value) for value in found.values()), "get_all_secrets must find the secret")
    must(not nothing, "get_all_secrets must answer with nothing, and without an error, where nothing matches")


async def _writes_as_claimed(subject: Subject) -> None:
    """A writer pushes, sees, overwrites and deletes; a reader refuses, but may see."""
    remote = PushRemoteRef(subject.push_key or subject.key, subject.push_property)
    first, second = (SourceSecret({"k": SecretValue(text)}) for text in (b"contract-first", b"contract-second"))
    entry = PushEntry("k", remote)
    async with client_of(subject) as client:
        if not subject.writes:
            await raises(InvalidRequestError, client.push_secret(first, entry), subject, "a push")
            await raises(InvalidRequestError, client.delete_secret(remote), subject, "a delete")
            try:
                must(await client.secret_exists(remote), "secret_exists must be True for a secret that exists")
            except InvalidRequestError as err:
                silent(err, subject, "the refusal of secret_exists")
            return
        must(bool(subject.push_key), "the Subject of a provider that writes needs push_key")
        must(not await client.secret_exists(remote), "secret_exists must be False before the push")
        for source in (first, second, second):
            await client.push_secret(source, entry)
            must(await client.secret_exists(remote), "secret_exists must be True after a push")
            if subject.reads:
                found = await client.get_secret(RemoteRef(subject.push_key, subject.push_property))
                is_value(found, source.data["k"].reveal(), "get_secret after a push")
        for _ in range(2):  # already gone is success
            await client.delete_secret(remote)
        if subject.deletes:
            must(not await client.secret_exists(remote), "secret_exists must be False after a delete")


async def _serves_many_at_once(subject: Subject) -> None:
    """One client answers reads that run together, also when some of them are cancelled or find nothing."""
    if not subject.reads:
        return

    async def read(number: int) -> None:
        if number % 3 == 0:
            await raises(NoSecretError, client.get_secret(RemoteRef(subject.missing)), subject, "a missing secret")
            return
        whole = number % 3 == 1
        try:
            found = await client.get_secret(RemoteRef(subject.key, "" if whole else subject.property_name))
        except EsoError as err:
            raise ContractError(f"reads that run together must not fail each other: {type(err).__name__}") from None
        is_value(found, subject.value if whole else subject.property_value, "get_secret, together with others,")

    async with client_of(subject) as client:
        reads = [asyncio.ensure_future(read(number)) for number in range(_AT_ONCE)]
        await asyncio.sleep(0)
        for cancelled in reads[::5]:
            cancelled.cancel()
        answers = await asyncio.gather(*reads, return_exceptions=True)
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


async def _fails_without_values(subject: Subject) -> None:
    """When the backend fails, reads raise an EsoError that shows nothing; afterwards the same client works again."""
    async with client_of(subject) as client:
        for name, failing in subject.failures.items():
            if name in FAULTS:
                continue
            async with failing():
                await raises(EsoError, client.get_secret(RemoteRef(subject.key)), subject, f"the failure {name}")
            if subject.reads:
                await client.get_secret(RemoteRef(subject.key))


async def _closes_twice(subject: Subject) -> None:
    """Closing is safe to repeat, and does not touch other clients of the store."""
    client, other = await subject.connect(), await subject.connect()
    try:
        await client.close()
        await client.close()
        if subject.reads:
            is_value(
                await other.get_secret(RemoteRef(subject.key)), subject.value, "a client, after another was closed,"
            )
    finally:
        await other.close()


CHECKS: Final[Mapping[str, Callable[[Subject], Awaitable[None]]]] = MappingProxyType(
    {
        "describes itself": _describes_itself,
        "validates": _validates,
        "reads values": _reads_values,
        "selects properties": _selects_properties,
        "misses absent secrets": _misses_absent_secrets,
        "extracts": _extracts,
        "finds": _finds,
        "writes as claimed": _writes_as_claimed,
        "serves many at once": _serves_many_at_once,
        "fails without values": _fails_without_values,
        "closes twice": _closes_twice,
    }
)
"""What every provider must do, by name. Each check makes clients of its own and may run alone."""
