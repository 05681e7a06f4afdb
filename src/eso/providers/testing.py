"""The contract of providers as checks, for the tests of every provider, also of those in other packages.

A test describes its backend once (`Subject`) and runs each check of `CHECKS` against it::

    @pytest.mark.parametrize("check", CHECKS)
    async def test_contract(check: str) -> None:
        async with backend() as subject:
            await run_check(check, subject)

A check that fails raises `ContractError`; its text says what a provider must do, and holds no value. Nothing here needs
pytest. `docs/providers/writing.md` shows a whole test.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from eso.errors import EsoError, InvalidRequestError, NoSecretError
from eso.providers.base import (
    Capabilities,
    FindRef,
    Provider,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    ValidationResult,
)
from eso.values import SecretValue
from reconcile.schema import schema_of

__all__ = ["CHECKS", "ContractError", "Subject", "run_check"]

ErrorT = TypeVar("ErrorT", bound=EsoError)

_AT_ONCE: Final = 16
_ABSENT_PROPERTY: Final = "no_such_property"


class ContractError(AssertionError):
    """A provider does not do what every provider must do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A provider under test, and what its backend holds.

    Attributes:
        provider: the provider.
        connect: makes a client; the checks close it.
        key: of a secret that exists and is a JSON object.
        value: its bytes.
        property_name: of a member of that object.
        property_value: bytes that selecting it answers with.
        missing: key of a secret that does not exist.
        credentials: what must not be seen either: tokens, passwords.
        failures: name -> makes the backend fail for the length of a block, where the backend of the test can do so. Let it
            repeat secrets in its answers.
        find: finds at least `key`, where the provider supports `dataFrom.find`.
        push_key: where values may be pushed; needed when the provider can write.
        deletes: False for a backend that keeps what is deleted.
    """

    provider: Provider[Any]
    connect: Callable[[], Awaitable[SecretsClient]]
    key: str
    value: bytes
    property_name: str
    property_value: bytes
    missing: str
    credentials: Sequence[bytes] = ()
    failures: Mapping[str, Callable[[], AbstractAsyncContextManager[object]]] = field(default_factory=dict)
    find: FindRef | None = None
    push_key: str = ""
    deletes: bool = True

    @property
    def reads(self) -> bool:
        """Whether the provider claims to read."""
        return self.provider.capabilities is not Capabilities.WRITE_ONLY

    @property
    def writes(self) -> bool:
        """Whether the provider claims to write."""
        return self.provider.capabilities is not Capabilities.READ_ONLY


async def run_check(name: str, subject: Subject) -> None:
    """Run one check of `CHECKS`.

    Raises:
        ContractError: the provider breaks the contract.
        KeyError: there is no such check.
    """
    check = CHECKS[name]
    with _watched_logs(subject):
        await check(subject)


async def _describes_itself(subject: Subject) -> None:
    """It has a name, and a spec that has a structural schema, so that the CRD can describe it."""
    name = subject.provider.name
    _must(name.isidentifier() and name[:1].islower(), f"the name {name!r} is not a lowerCamelCase key of spec.provider")
    try:
        schema = schema_of(subject.provider.spec_type)
    except TypeError as err:
        raise ContractError(f"spec_type of {name} has no structural schema: {err}") from err
    _must(schema.get("type") == "object", f"spec_type of {name} must be a model: spec.provider.{name} is an object")


async def _validates(subject: Subject) -> None:
    """A store that works is Ready."""
    async with _client(subject) as client:
        result = await client.validate()
    _must(result is ValidationResult.READY, "validate() must answer READY for a backend that works")


async def _reads_values(subject: Subject) -> None:
    """The whole secret, byte for byte, or the refusal of a provider that only writes."""
    async with _client(subject) as client:
        if not subject.reads:
            await _raises(InvalidRequestError, client.get_secret(RemoteRef(subject.key)), subject, "a read")
            return
        found = await client.get_secret(RemoteRef(subject.key))
    _is_value(found, subject.value, "get_secret without a property")


async def _selects_properties(subject: Subject) -> None:
    """A property of the secret; one that it does not have is a missing secret."""
    if not subject.reads:
        return
    async with _client(subject) as client:
        found = await client.get_secret(RemoteRef(subject.key, subject.property_name))
        _is_value(found, subject.property_value, "get_secret with a property")
        absent = RemoteRef(subject.key, _ABSENT_PROPERTY)
        await _raises(NoSecretError, client.get_secret(absent), subject, "a property that does not exist")


async def _misses_absent_secrets(subject: Subject) -> None:
    """What does not exist raises NoSecretError: deletionPolicy depends on it."""
    if not subject.reads:
        return
    async with _client(subject) as client:
        for attempt in ("at first", "again"):
            what = f"a secret that does not exist, read {attempt}"
            await _raises(NoSecretError, client.get_secret(RemoteRef(subject.missing)), subject, what)


async def _extracts(subject: Subject) -> None:
    """`dataFrom.extract` has the property among its keys, or is refused as unsupported."""
    async with _client(subject) as client:
        try:
            found = await client.get_secret_map(RemoteRef(subject.key))
        except InvalidRequestError as err:
            _silent(err, subject, "the refusal of get_secret_map")
            return
        _must(subject.property_name in found, "get_secret_map must have the members of the object as keys")
        _is_value(found[subject.property_name], subject.property_value, "get_secret_map")
        await _raises(NoSecretError, client.get_secret_map(RemoteRef(subject.missing)), subject, "a missing extract")


async def _finds(subject: Subject) -> None:
    """`dataFrom.find` finds the secret; where no FindRef is given, find must be refused."""
    async with _client(subject) as client:
        if subject.find is None:
            await _raises(InvalidRequestError, client.get_all_secrets(FindRef(name_regexp=".*")), subject, "a find")
            return
        found = await client.get_all_secrets(subject.find)
        nothing = await client.get_all_secrets(FindRef(name_regexp="^no-secret-has-this-name$"))
    _must(any(value == SecretValue(subject.value) for value in found.values()), "get_all_secrets must find the secret")
    _must(not nothing, "get_all_secrets must answer with nothing, and without an error, where nothing matches")


async def _writes_as_claimed(subject: Subject) -> None:
    """A writer pushes, sees, overwrites and deletes; a reader refuses all of it."""
    remote = PushRemoteRef(subject.push_key or subject.key)
    first, second = (SourceSecret({"k": SecretValue(text)}) for text in (b"contract-first", b"contract-second"))
    entry = PushEntry("k", remote)
    async with _client(subject) as client:
        if not subject.writes:
            await _raises(InvalidRequestError, client.push_secret(first, entry), subject, "a push")
            await _raises(InvalidRequestError, client.delete_secret(remote), subject, "a delete")
            await _raises(InvalidRequestError, client.secret_exists(remote), subject, "an exists")
            return
        _must(bool(subject.push_key), "the Subject of a provider that writes needs push_key")
        _must(not await client.secret_exists(remote), "secret_exists must be False before the push")
        for source in (first, second, second):
            await client.push_secret(source, entry)
            _must(await client.secret_exists(remote), "secret_exists must be True after a push")
            if subject.reads:
                found = await client.get_secret(RemoteRef(subject.push_key))
                _is_value(found, source.data["k"].reveal(), "get_secret after a push")
        for _ in range(2):  # already gone is success
            await client.delete_secret(remote)
        if subject.deletes:
            _must(not await client.secret_exists(remote), "secret_exists must be False after a delete")


async def _serves_many_at_once(subject: Subject) -> None:
    """One client answers reads that run together, also when some of them are cancelled or find nothing."""
    if not subject.reads:
        return

    async def read(number: int) -> None:
        if number % 3 == 0:
            await _raises(NoSecretError, client.get_secret(RemoteRef(subject.missing)), subject, "a missing secret")
            return
        whole = number % 3 == 1
        try:
            found = await client.get_secret(RemoteRef(subject.key, "" if whole else subject.property_name))
        except EsoError as err:
            raise ContractError(f"reads that run together must not fail each other: {type(err).__name__}") from None
        _is_value(found, subject.value if whole else subject.property_value, "get_secret, together with others,")

    async with _client(subject) as client:
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
    async with _client(subject) as client:
        for name, failing in subject.failures.items():
            async with failing():
                await _raises(EsoError, client.get_secret(RemoteRef(subject.key)), subject, f"the failure {name}")
            if subject.reads:
                await client.get_secret(RemoteRef(subject.key))


async def _closes_twice(subject: Subject) -> None:
    """Closing is safe to repeat, and does not touch other clients of the store."""
    client, other = await subject.connect(), await subject.connect()
    try:
        await client.close()
        await client.close()
        if subject.reads:
            _is_value(
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


@asynccontextmanager
async def _client(subject: Subject) -> AsyncIterator[SecretsClient]:
    client = await subject.connect()
    try:
        yield client
    finally:
        await client.close()


async def _raises(kind: type[ErrorT], call: Awaitable[object], subject: Subject, what: str) -> ErrorT:
    try:
        await call
    except kind as err:
        _silent(err, subject, what)
        return err
    except EsoError as err:
        # Its text goes unseen: it may be the leak that another check looks for.
        raise ContractError(f"{what} must raise {kind.__name__}, not {type(err).__name__}") from None
    raise ContractError(f"{what} must raise {kind.__name__}; it returned")


def _silent(err: BaseException, subject: Subject, what: str) -> None:
    shown = "".join(traceback.format_exception(err)) + repr(err)
    _must(not _leaks(shown, subject), f"{what}: the error, or one it comes from, shows a secret value or a credential")


def _leaks(text: str, subject: Subject) -> bool:
    marks = (subject.value, subject.property_value, *subject.credentials)
    return any(mark.decode("utf-8", "replace") in text or repr(mark)[2:-1] in text for mark in marks if mark)


def _is_value(found: object, wanted: bytes, what: str) -> None:
    _must(isinstance(found, SecretValue), f"{what} must answer with a SecretValue, not {type(found).__name__}")
    _must(found == SecretValue(wanted), f"{what} must answer with the stored bytes")


def _must(holds: bool, message: str) -> None:
    # Not `assert`: python -O removes it, and pytest would print the values compared.
    if not holds:
        raise ContractError(message)


class _Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


@contextmanager
def _watched_logs(subject: Subject) -> Iterator[None]:
    """Refuse what any logger shows, at any level."""
    root, kept = logging.getLogger(), _Kept()
    before = root.level
    root.addHandler(kept)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(kept)
    leaking = next((text.split(" ", 1)[0] for text in kept.texts if _leaks(text, subject)), "")
    _must(not leaking, f"the logger {leaking} shows a secret value or a credential")
