"""The provider `vault` against a server that fails: every failure is an error of the right class, and nothing leaks."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.http import AnswerTooLongError
from eso.providers.base import FindRef, RemoteRef, ValidationResult
from tests.integration.eso.providers.vault.conftest import Stores, entry, source
from tests.support.vendors.vault import LEAK, SECRET, FakeVault, Fault, answering, saying

VALUE = "canary-secret-value"


@pytest.fixture
async def signed(stores: Stores, fake: FakeVault) -> FakeVault:
    fake.data["k"] = {"n": VALUE}
    await stores.secret("approle", id=SECRET)
    return fake


@contextmanager
def nothing_leaks(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[BaseException], None]]:
    """Check what was logged, and each exception given, for values, credentials and the vendor's words."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []

    def look(err: BaseException) -> None:
        texts.extend(["".join(traceback.format_exception(err)), repr(err)])

    yield look
    texts += [record.getMessage() + str(record.exc_text or "") for record in caplog.records]
    for text in texts:
        assert not [canary for canary in (VALUE, SECRET, LEAK, "hvs.") if canary in text], text


FAULTS: list[tuple[str, Fault, type[EsoError]]] = [
    ("bad request", answering(400, "secret"), InvalidRequestError),
    ("denied", answering(403, "secret"), AccessDeniedError),
    ("missing", answering(404, "secret"), NoSecretError),
    ("behind", answering(412, "secret"), UnavailableError),
    ("throttled", answering(429, "secret", Retry_After="7"), ThrottledError),
    ("broken", answering(500, "secret"), UnavailableError),
    ("not initialized", answering(501, "secret"), InvalidRequestError),
    ("sealed", answering(503), UnavailableError),
    ("empty", saying(b"", "secret"), NoSecretError),
    ("not JSON", saying(VALUE.encode(), "secret"), ProviderError),
    ("not an object", saying(b"[]", "secret"), ProviderError),
    ("data of a wrong kind", saying(b'{"data": []}', "secret"), ProviderError),
    ("nested data of a wrong kind", saying(b'{"data": {"data": "canary-secret-value"}}', "secret"), ProviderError),
    ("no nested data", saying(b'{"data": {"x": "canary-secret-value"}}', "secret"), ProviderError),
    ("deep JSON", saying(b"[" * 100_000, "secret"), ProviderError),
    ("huge", saying(b" " * (9 << 20), "secret"), AnswerTooLongError),
    ("huge at the sign-in", saying(b" " * (9 << 20), "auth"), AnswerTooLongError),
    ("token of a wrong kind", saying(b'{"auth": {"client_token": ["hvs.canary"]}}', "auth"), ProviderError),
]


@pytest.mark.parametrize(
    ("fault", "expected"), [(fault, kind) for _, fault, kind in FAULTS], ids=[f[0] for f in FAULTS]
)
async def test_faults(
    stores: Stores, signed: FakeVault, caplog: pytest.LogCaptureFixture, fault: Fault, expected: type[EsoError]
) -> None:
    with nothing_leaks(caplog) as look:
        signed.fault = fault
        with pytest.raises(EsoError) as caught:
            async with stores.lend(signed.spec()) as client:
                await client.get_secret(RemoteRef("k", "n"))
        assert type(caught.value) is expected
        look(caught.value)
    if expected is ThrottledError:
        assert getattr(caught.value, "retry_after", None) == 7


@pytest.mark.parametrize("answer", [b'{"data": {"keys": "k"}}', b'{"data": {"keys": [1]}}', b'{"data": 1}'])
async def test_malformed_listings(stores: Stores, signed: FakeVault, answer: bytes) -> None:
    signed.fault = saying(answer, "secret/metadata")
    async with stores.lend(signed.spec()) as client:
        with pytest.raises(ProviderError):
            await client.get_all_secrets(FindRef(name_regexp="."))


async def test_a_listing_that_never_ends(stores: Stores, signed: FakeVault) -> None:
    signed.fault = saying(b'{"data": {"keys": ["again/"]}}', "secret/metadata")
    async with stores.lend(signed.spec()) as client:
        with pytest.raises(ProviderError, match="too deeply"):
            await client.get_all_secrets(FindRef(name_regexp="."))


@pytest.mark.parametrize(
    ("settings", "requests"),
    [({"maxRetries": 3, "retryInterval": "1ms"}, 4), ({"maxRetries": 0}, 1), ({"retryInterval": "1ms"}, 1)],
)
@pytest.mark.parametrize("status", [412, 429, 500, 503])
async def test_retry_settings(
    stores: Stores, signed: FakeVault, settings: dict[str, Any], requests: int, status: int
) -> None:
    signed.fault = answering(status, "secret")
    async with stores.lend(signed.spec(), retries=settings) as client:
        with pytest.raises(EsoError):
            await client.get_secret(RemoteRef("k"))
    assert signed.count("secret/data/k") == requests


@pytest.mark.parametrize("status", [400, 403, 404, 501])
async def test_what_is_not_retried(stores: Stores, signed: FakeVault, status: int) -> None:
    signed.fault = answering(status, "secret")
    async with stores.lend(signed.spec(), retries={"maxRetries": 3, "retryInterval": "1ms"}) as client:
        with pytest.raises(EsoError):
            await client.get_secret(RemoteRef("k"))
    assert signed.count("secret/data/k") == 1


async def test_a_retry_that_succeeds(stores: Stores, signed: FakeVault) -> None:
    signed.fault = answering(500, "secret", times=2)
    async with stores.lend(signed.spec(), retries={"maxRetries": 2, "retryInterval": "1ms"}) as client:
        assert (await client.get_secret(RemoteRef("k", "n"))).reveal() == VALUE.encode()


async def test_a_long_retry_after_is_left_to_others(stores: Stores, signed: FakeVault) -> None:
    signed.fault = answering(429, "secret", Retry_After="60")
    async with stores.lend(signed.spec(), retries={"maxRetries": 3, "retryInterval": "1ms"}) as client:
        with pytest.raises(ThrottledError) as caught:
            await client.get_secret(RemoteRef("k"))
    assert caught.value.retry_after == 60
    assert signed.count("secret/data/k") == 1


async def test_a_thousand_external_secrets_are_one_login(stores: Stores, signed: FakeVault) -> None:
    store = stores.store(signed.spec())
    for number in range(50):
        signed.data[f"k{number}"] = {"n": str(number)}

    async def read(number: int) -> bytes:
        async with stores.manager.client_for(store, "app") as client:
            return (await client.get_secret(RemoteRef(f"k{number % 50}", "n"))).reveal()

    found = await asyncio.gather(*(read(number) for number in range(1000)))
    assert found[77] == b"27"
    assert signed.count("auth/approle/login") == 1
    await stores.manager.close()
    assert signed.count("auth/token/revoke-self") == 1
    assert signed.tokens == {}


async def test_a_revoked_token_is_replaced(stores: Stores, signed: FakeVault) -> None:
    store = stores.store(signed.spec())
    async with stores.manager.client_for(store, "app") as client:
        await client.get_secret(RemoteRef("k"))
    signed.tokens.clear()
    signed.data["k"] = {"n": "two"}
    async with stores.manager.client_for(store, "app") as client:
        found = await asyncio.gather(*(client.get_secret(RemoteRef("k", "n")) for _ in range(50)))
    assert {value.reveal() for value in found} == {b"two"}
    assert signed.count("auth/approle/login") == 2


async def test_rotated_credentials_make_a_new_client(stores: Stores, signed: FakeVault) -> None:
    store = stores.store(signed.spec())
    async with stores.manager.client_for(store, "app") as client:
        await client.get_secret(RemoteRef("k"))
    secret = await stores.kube.raw("GET", "/api/v1/namespaces/app/secrets/approle")
    secret["data"]["id"] = base64.b64encode(b"rotated").decode()
    await stores.kube.raw("PUT", "/api/v1/namespaces/app/secrets/approle", body=secret)
    with pytest.raises(AccessDeniedError):
        async with stores.manager.client_for(store, "app") as client:
            await client.get_secret(RemoteRef("k"))
    assert [body["secret_id"] for _, path, _, body in signed.requests if path == "auth/approle/login"] == [
        SECRET,
        "rotated",
    ]
    assert signed.count("auth/token/revoke-self") == 1


async def test_validation(stores: Stores, signed: FakeVault) -> None:
    async with stores.lend(signed.spec()) as client:
        assert await client.validate() is ValidationResult.READY
    assert signed.count("auth/token/lookup-self") == 0
    await stores.secret("token", good=signed.token(), bad="hvs.nonsense")
    for key in ("good", "bad"):
        auth = {"tokenSecretRef": {"name": "token", "key": key}}
        async with stores.lend(signed.spec(auth=auth)) as client:
            if key == "good":
                assert await client.validate() is ValidationResult.READY
            else:
                with pytest.raises(AccessDeniedError):
                    await client.validate()
    assert stores.counted("LookupSelf") == 1
    assert stores.counted("LookupSelf", "error") == 1


def index(number: int) -> str:
    return base64.b64encode(f"v1:cluster:{number}:{number}:mac".encode()).decode()


@pytest.mark.parametrize(
    ("options", "sent", "forwarded"),
    [
        ({}, [], False),
        ({"readYourWrites": True}, [index(2)], False),
        ({"forwardInconsistent": True}, [index(2)], False),
        ({"readYourWrites": True, "forwardInconsistent": True}, [index(2)], True),
    ],
)
async def test_read_your_writes(
    stores: Stores, signed: FakeVault, options: dict[str, Any], sent: list[str], forwarded: bool
) -> None:
    async with stores.lend(signed.spec(**options)) as client:
        for number in (1, 2):
            signed.index = index(number)
            with pytest.raises(NoSecretError):
                await client.get_secret(RemoteRef(f"none{number}"))
        await client.get_secret(RemoteRef("k"))
    assert signed.states[0] == []
    reads = [at for at, (_, path, _, _) in enumerate(signed.requests) if path == "secret/data/k"]
    assert signed.states[reads[0]] == sent
    headers = signed.requests[reads[0]][2]
    assert headers.get("X-Vault-Inconsistent") == ("forward-active-node" if forwarded else None)


async def test_a_standby_redirects_to_the_active_node(stores: Stores, signed: FakeVault) -> None:
    async with FakeVault() as standby:

        async def redirect(request: web.Request) -> web.Response:
            return web.Response(status=307, headers={"Location": f"{signed.url}{request.path_qs}"})

        standby.fault = redirect
        async with stores.lend(standby.spec()) as client:
            assert (await client.get_secret(RemoteRef("k", "n"))).reveal() == VALUE.encode()
        signed.fault = redirect
        with pytest.raises(ProviderError, match="more than one redirect"):
            async with stores.lend(standby.spec()) as client:
                await client.get_secret(RemoteRef("k", "n"))


@pytest.mark.parametrize("location", ["", "ftp://x/", "http://[", "//"])
async def test_redirects_to_nowhere(stores: Stores, signed: FakeVault, location: str) -> None:
    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": location})

    signed.fault = redirect
    with pytest.raises(ProviderError):
        async with stores.lend(signed.spec()) as client:
            await client.get_secret(RemoteRef("k", "n"))


@pytest.mark.parametrize(
    "changes",
    [
        {"headers": {"X-A": "one\r\nX-Vault-Token: stolen"}},
        {"headers": {"X-Ä": "x"}},
        {"auth": {"tokenSecretRef": {"name": "broken", "key": "token"}}},
        {"namespace": "a\nb"},
    ],
)
async def test_what_http_cannot_carry(
    stores: Stores, signed: FakeVault, caplog: pytest.LogCaptureFixture, changes: dict[str, Any]
) -> None:
    await stores.secret("broken", token=f"{VALUE}\n")
    with nothing_leaks(caplog) as look:
        with pytest.raises(InvalidSpecError) as caught:
            async with stores.lend(signed.spec(**changes)) as client:
                await client.get_secret(RemoteRef("k"))
        look(caught.value)


async def test_a_push_that_loses_a_race_tries_again(stores: Stores, signed: FakeVault) -> None:
    signed.fault = answering(400, "secret/data/new", times=1)

    async def written(request: web.Request) -> web.Response | None:
        if request.method == "PUT" and request.path == "/v1/secret/data/new":
            if signed.count("secret/data/new", "PUT") == 1:
                return web.json_response({"errors": [f"check-and-set parameter did not match {LEAK}"]}, status=400)
            signed.data["new"] = json.loads(await request.read())["data"]
            return web.Response(status=204)
        return web.Response(status=204) if request.method == "PUT" and "metadata" in request.path else None

    signed.fault = written
    async with stores.lend(signed.spec(checkAndSet={"required": True})) as client:
        await client.push_secret(source(a=VALUE), entry("new"))
    assert signed.data["new"] == {"a": VALUE}


async def test_errors_of_pushes_do_not_leak(
    stores: Stores, signed: FakeVault, caplog: pytest.LogCaptureFixture
) -> None:
    with nothing_leaks(caplog) as look:
        async with stores.lend(signed.spec()) as client:
            signed.fault = answering(403, "secret/metadata")
            for prop in ("", "p"):
                with pytest.raises(EsoError) as caught:
                    await client.push_secret(source(a=VALUE), entry("new", "a", prop))
                look(caught.value)


async def test_cancelled_reads_leave_nothing(stores: Stores, signed: FakeVault) -> None:
    async with stores.lend(signed.spec()) as client:
        started, release = asyncio.Event(), asyncio.Event()

        async def hang(request: web.Request) -> web.Response | None:
            started.set()
            await release.wait()
            return None

        signed.fault = hang
        task = asyncio.create_task(client.get_secret(RemoteRef("k")))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
        signed.fault = None
        assert (await client.get_secret(RemoteRef("k", "n"))).reveal() == VALUE.encode()
