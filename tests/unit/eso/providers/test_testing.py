"""The contract suite itself: each check refuses a provider that breaks what it is for, and passes one that does not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from eso.errors import (
    AccessDeniedError,
    InvalidRequestError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import (
    Capabilities,
    FindRef,
    Provider,
    PushEntry,
    PushRemoteRef,
    RemoteRef,
    SecretsClient,
    SourceSecret,
    StoreContext,
    ValidationResult,
)
from eso.providers.common import select_property, split_map
from eso.providers.testing import CHECKS, FAULTS, ContractError, Subject, impatient, run_check, run_fault
from eso.values import SecretMap, SecretValue
from reconcile.api.model import Model

VALUE = b'{"a":"canary-value","b":1}'
CANARY = "canary-value"


class Spec(Model):
    url: str = ""


class GoodProvider(Provider[Spec]):
    name: ClassVar[str] = "good"
    spec_type: ClassVar[type[BaseModel]] = Spec
    capabilities: ClassVar[Capabilities] = Capabilities.READ_WRITE

    async def new_client(self, spec: Spec, context: StoreContext) -> SecretsClient:
        return Good(Backend())


class Reader(GoodProvider):
    capabilities: ClassVar[Capabilities] = Capabilities.READ_ONLY


class Writer(GoodProvider):
    capabilities: ClassVar[Capabilities] = Capabilities.WRITE_ONLY


class BadName(GoodProvider):
    name: ClassVar[str] = "Bad Name"


class BadSpec(GoodProvider):
    spec_type: ClassVar[type[BaseModel]] = object  # type: ignore[assignment]


class Backend:
    def __init__(self) -> None:
        self.values: dict[str, bytes] = {"db": VALUE}
        self.down = False


class Good(SecretsClient):
    """A client that keeps the contract."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        await asyncio.sleep(0)
        if self.backend.down:
            raise UnavailableError("the backend is down")
        if ref.key not in self.backend.values:
            raise NoSecretError
        return select_property(self.backend.values[ref.key], ref.property, key=ref.key)

    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        return split_map(await self.get_secret(ref))

    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        return {key: SecretValue(value) for key, value in self.backend.values.items() if key == ref.name_regexp}

    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        self.backend.values[entry.remote.remote_key] = source.data[entry.secret_key].reveal()

    async def delete_secret(self, remote: PushRemoteRef) -> None:
        self.backend.values.pop(remote.remote_key, None)

    async def secret_exists(self, remote: PushRemoteRef) -> bool:
        return remote.remote_key in self.backend.values


class WriteOnly(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        raise InvalidRequestError("this provider only writes")


class Unknown(Good):
    async def validate(self) -> ValidationResult:
        return ValidationResult.UNKNOWN


class PlainBytes(Good):
    async def get_secret(self, ref: RemoteRef) -> Any:
        return (await super().get_secret(ref)).reveal()


class IgnoresProperties(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        return await super().get_secret(RemoteRef(ref.key))


class EmptyForMissing(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        return SecretValue(b"") if ref.key not in self.backend.values else await super().get_secret(ref)


class OtherErrorForMissing(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if ref.key not in self.backend.values:
            raise AccessDeniedError("no")
        return await super().get_secret(ref)


class ExtractsNothing(Good):
    async def get_secret_map(self, ref: RemoteRef) -> SecretMap:
        return {}


class FindsNothing(Good):
    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        return {}


class FindsEverything(Good):
    async def get_all_secrets(self, ref: FindRef) -> SecretMap:
        return {key: SecretValue(value) for key, value in self.backend.values.items()}


class LosesPushes(Good):
    async def push_secret(self, source: SourceSecret, entry: PushEntry) -> None:
        self.backend.values.setdefault(entry.remote.remote_key, source.data[entry.secret_key].reveal())


class DeletesOnce(Good):
    async def delete_secret(self, remote: PushRemoteRef) -> None:
        if remote.remote_key not in self.backend.values:
            raise NoSecretError
        del self.backend.values[remote.remote_key]


class OneAnswerForAll(Good):
    """Keeps the request in the client, where a second one replaces it."""

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        self.ref = ref
        await asyncio.sleep(0)
        return await super().get_secret(self.ref)


class RepeatsTheBody(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self.backend.down:
            raise UnavailableError(f"the backend said {CANARY}")
        return await super().get_secret(ref)


class RepeatsTheBodyInTheCause(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self.backend.down:
            raise UnavailableError("the backend is down") from ValueError(CANARY)
        return await super().get_secret(ref)


class StaysDown(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self.backend.down:
            self.backend = Backend()
            self.backend.values.clear()
            raise UnavailableError("the backend is down")
        return await super().get_secret(ref)


class LogsValues(Good):
    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        found = await super().get_secret(ref)
        logging.getLogger("good.client").debug("read %s", found.reveal())
        return found


class ClosesOnce(Good):
    closed = False

    async def close(self) -> None:
        if self.closed:
            raise ContractError("closed already")
        self.closed = True


class ClosesTheBackend(Good):
    async def close(self) -> None:
        self.backend.values.clear()


@asynccontextmanager
async def down(backend: Backend) -> AsyncIterator[None]:
    backend.down = True
    try:
        yield
    finally:
        backend.down = False


def subject(kind: type[Good], provider: type[GoodProvider] = GoodProvider, **more: Any) -> Subject:
    backend = Backend()

    async def connect() -> SecretsClient:
        return kind(backend)

    options = {
        "find": FindRef(name_regexp="db"),
        "push_key": "new",
        "failures": {"down": lambda: down(backend)},
        **more,
    }
    return Subject(
        provider(),
        connect,
        key="db",
        value=VALUE,
        property_name="a",
        property_value=CANARY.encode(),
        missing="gone",
        **options,
    )


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("kind", "provider"), [(Good, GoodProvider), (WriteOnly, Writer)])
async def test_passes(kind: type[Good], provider: type[GoodProvider], check: str) -> None:
    await run_check(check, subject(kind, provider))


@pytest.mark.parametrize(
    ("check", "kind", "provider", "says"),
    [
        ("describes itself", Good, BadName, "lowerCamelCase"),
        ("describes itself", Good, BadSpec, "spec_type"),
        ("validates", Unknown, GoodProvider, "READY"),
        ("reads values", PlainBytes, GoodProvider, "SecretValue"),
        ("reads values", LogsValues, GoodProvider, "logger good.client"),
        ("reads values", Good, Writer, "it returned"),
        ("selects properties", IgnoresProperties, GoodProvider, "stored bytes"),
        ("misses absent secrets", EmptyForMissing, GoodProvider, "it returned"),
        ("misses absent secrets", OtherErrorForMissing, GoodProvider, "not AccessDeniedError"),
        ("extracts", ExtractsNothing, GoodProvider, "members"),
        ("finds", FindsNothing, GoodProvider, "must find"),
        ("finds", FindsEverything, GoodProvider, "where nothing matches"),
        ("writes as claimed", LosesPushes, GoodProvider, "after a push"),
        ("writes as claimed", Good, Reader, "it returned"),
        ("fails without values", RepeatsTheBody, GoodProvider, "shows a secret"),
        ("fails without values", RepeatsTheBodyInTheCause, GoodProvider, "shows a secret"),
        ("closes twice", ClosesOnce, GoodProvider, "closed already"),
    ],
)
async def test_refuses(check: str, kind: type[Good], provider: type[GoodProvider], says: str) -> None:
    with pytest.raises(ContractError, match=says) as refused:
        await run_check(check, subject(kind, provider))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("check", "kind"),
    [
        ("writes as claimed", DeletesOnce),
        ("fails without values", StaysDown),
        ("closes twice", ClosesTheBackend),
    ],
)
async def test_what_the_client_raises_is_seen(check: str, kind: type[Good]) -> None:
    with pytest.raises(NoSecretError):
        await run_check(check, subject(kind))


async def test_refuses_answers_that_mix() -> None:
    with pytest.raises(ContractError, match=r"must not fail each other|stored bytes|must raise NoSecretError"):
        await run_check("serves many at once", subject(OneAnswerForAll))


async def test_a_writer_must_say_where() -> None:
    with pytest.raises(ContractError, match="push_key"):
        await run_check("writes as claimed", subject(Good, push_key=""))
    with pytest.raises(ContractError, match="it returned"):
        await run_check("finds", subject(Good, find=None))


class Fails(Good):
    """Raises what the test says while the backend is down."""

    error: Exception | None = None
    wait = False

    async def get_secret(self, ref: RemoteRef) -> SecretValue:
        if self.backend.down and self.wait:
            await asyncio.Event().wait()
        if self.backend.down and self.error is not None:
            raise self.error
        return await Good.get_secret(self, ref) if not self.backend.down else SecretValue(VALUE)


def failing(error: Exception | None, *, wait: bool = False) -> type[Fails]:
    return type("Failing", (Fails,), {"error": error, "wait": wait})


TAKEN: dict[str, Exception] = {
    "denied": AccessDeniedError("reading db: check the credentials"),
    "throttled": ThrottledError("reading db: too many requests", retry_after=7.0),
    "timeout": UnavailableError("reading db: not answered in time, no answer"),
    "half-open": UnavailableError("reading db: no answer"),
    "wrong certificate": UnavailableError("reading db: check caBundle"),
    "expired token": AccessDeniedError("reading db: check the credentials"),
    "rotated credentials": AccessDeniedError("reading db: check the credentials"),
    "malformed answer": ProviderError("reading db: the answer is not JSON"),
    "huge answer": InvalidRequestError("reading db: the answer is longer than 8 MiB"),
}


def faulty(kind: type[Good], fault: str, **more: Any) -> Subject:
    found = subject(kind, **more)
    down_for = found.failures["down"]
    return replace(found, failures={fault: down_for})


@pytest.mark.parametrize("fault", FAULTS)
async def test_faults_that_are_taken_well(fault: str) -> None:
    await run_fault(fault, faulty(failing(TAKEN[fault]), fault))


@pytest.mark.parametrize("fault", ["expired token", "rotated credentials"])
async def test_a_client_may_read_on(fault: str) -> None:
    await run_fault(fault, faulty(failing(None), fault))


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("denied", UnavailableError("credentials"), "must raise AccessDeniedError, not UnavailableError"),
        ("denied", AccessDeniedError("no"), "must tell of"),
        ("denied", AccessDeniedError(f"credentials {CANARY}"), "shows a secret"),
        ("denied", ValueError(CANARY), "not ValueError"),
        ("denied", None, "it returned"),
        ("throttled", ThrottledError("too many", retry_after=None), "Retry-After"),
        ("malformed answer", NoSecretError("the answer is empty"), "not NoSecretError"),
    ],
)
async def test_faults_that_are_taken_badly(fault: str, error: Exception | None, says: str) -> None:
    with pytest.raises(ContractError, match=says) as refused:
        await run_fault(fault, faulty(failing(error), fault))
    assert CANARY not in str(refused.value)


async def test_a_fault_that_is_waited_out_for_ever() -> None:
    with pytest.raises(ContractError, match="within"):
        await run_fault("timeout", faulty(failing(None, wait=True), "timeout", patience=0.01))


async def test_a_fault_must_be_played_or_exempt() -> None:
    with pytest.raises(ContractError, match="needs a failure 'denied'"):
        await run_fault("denied", subject(Good))
    await run_fault("denied", subject(Good, exempt={"denied": "nobody is refused"}))
    with pytest.raises(ContractError, match="why"):
        await run_fault("denied", subject(Good, exempt={"denied": " "}))
    with pytest.raises(KeyError):
        await run_fault("nothing", subject(Good))


def test_impatient_contexts_shorten_timeouts_only() -> None:
    asked: list[tuple[str, dict[str, Any]]] = []

    class Context:
        store_name = "store"

        def http(self, base_url: str = "", **options: Any) -> None:
            asked.append((base_url, options))

    found: Any = impatient(Context(), 2.0)  # type: ignore[arg-type]
    found.http("https://a/", ca=b"x")
    found.http(timeout=1.0)
    assert found.store_name == "store"
    assert asked == [("https://a/", {"timeout": 2.0, "ca": b"x"}), ("", {"timeout": 1.0})]


async def test_no_such_check() -> None:
    with pytest.raises(KeyError):
        await run_check("nothing", subject(Good))
