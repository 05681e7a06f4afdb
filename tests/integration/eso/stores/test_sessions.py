"""HTTP sessions of a client, against a server on loopback."""

from __future__ import annotations

import asyncio
import ssl
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from eso.errors import (
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.http import read_json, transport_errors
from eso.stores.sessions import Sessions, TlsContexts, tls_context
from eso.values import SecretValue
from tests.support import loopback
from tests.support.keypairs import key_pair

DEFAULTS: dict[str, Any] = {
    "headers": None,
    "bearer": None,
    "ca": None,
    "client_cert": None,
    "verify": True,
    "timeout": 5.0,
}


async def answer(request: web.Request) -> web.StreamResponse:
    match request.match_info["what"]:
        case "echo":
            transport = request.transport
            peer = transport.get_extra_info("peercert") if transport is not None else None
            return web.json_response({"headers": dict(request.headers), "path": request.path, "peer": bool(peer)})
        case "missing":
            return web.json_response({"secret": "hunter2"}, status=404)
        case "slow":
            return web.Response(status=429, headers={"Retry-After": "7"}, text="hunter2")
        case "text":
            return web.Response(text="hunter2 is not JSON")
        case "large":
            return web.Response(body=b"[" + b"1," * 600_000 + b"1]")
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"hunter2")
    if request.transport is not None:
        request.transport.close()
    return response


@asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/api/{what}", answer)
    async with loopback.serving(app, tls) as url:
        yield f"{url}/api/"


def server_tls(tmp_path: Path, *, client_certificates: bool = False) -> ssl.SSLContext:
    certificate, key = key_pair()
    (tmp_path / "crt").write_bytes(certificate)
    (tmp_path / "key").write_bytes(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=certificate.decode())
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    if client_certificates:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


async def get(session: aiohttp.ClientSession, what: str, **options: Any) -> Any:
    with transport_errors("reading secret x"):
        async with session.get(what) as response:
            return await read_json(response, "reading secret x", **options)


async def test_headers_and_base_url() -> None:
    async with serving() as url:
        sessions = Sessions()
        session = sessions.open(url, **{**DEFAULTS, "headers": {"X-A": "1"}, "bearer": SecretValue("token")})
        found = await get(session, "echo")
        assert found["path"] == "/api/echo"
        assert (found["headers"]["X-A"], found["headers"]["Authorization"]) == ("1", "Bearer token")
        assert "token" not in repr(session)
        await sessions.close()
        assert session.closed
        with pytest.raises(RuntimeError, match="closed"):
            sessions.open(url, **DEFAULTS)


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("missing", NoSecretError),
        ("slow", ThrottledError),
        ("text", ProviderError),
        ("large", InvalidRequestError),
        ("broken", UnavailableError),
    ],
)
async def test_answers_that_are_no_secret_show_nothing_of_their_body(what: str, kind: type[ProviderError]) -> None:
    async with serving() as url:
        sessions = Sessions()
        session = sessions.open(url, **DEFAULTS)
        with pytest.raises(kind) as caught:
            await get(session, what, limit=1_000_000)
        seen: BaseException | None = caught.value
        while seen is not None:
            assert "hunter2" not in str(seen)
            seen = seen.__cause__
        if isinstance(caught.value, ThrottledError):
            assert caught.value.retry_after == 7.0
        await sessions.close()


async def test_trust(tmp_path: Path) -> None:
    certificate, _ = key_pair()
    async with serving(server_tls(tmp_path)) as url:
        sessions = Sessions()
        assert await get(sessions.open(url, **{**DEFAULTS, "ca": certificate}), "echo")
        assert await get(sessions.open(url, **{**DEFAULTS, "verify": False}), "echo")
        with pytest.raises(UnavailableError, match="TLS connection failed"):
            await get(sessions.open(url, **DEFAULTS), "echo")
        await sessions.close()


async def test_client_certificates(tmp_path: Path) -> None:
    pair = key_pair()
    async with serving(server_tls(tmp_path, client_certificates=True)) as url:
        sessions = Sessions()
        found = await get(sessions.open(url, **{**DEFAULTS, "ca": pair[0], "client_cert": pair}), "echo")
        assert found["peer"]
        with pytest.raises(UnavailableError):
            await get(sessions.open(url, **{**DEFAULTS, "ca": pair[0]}), "echo")
        await sessions.close()


async def test_nobody_listens() -> None:
    sessions = Sessions()
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await get(sessions.open("http://127.0.0.1:1/", **DEFAULTS), "echo")
    await sessions.close()


@pytest.mark.parametrize(
    ("ca", "pair"),
    [
        (b"nothing", None),
        (b"", None),
        ("ключ".encode(), None),
        (None, (b"hunter2", b"hunter2")),
        (None, (key_pair()[0], b"hunter2")),
    ],
)
def test_certificates_that_cannot_be_used(ca: bytes | None, pair: tuple[bytes, bytes] | None) -> None:
    with pytest.raises(InvalidSpecError) as caught:
        tls_context(ca, pair)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", [b"hunter2\n", b"hunter2\r\nX: y", b"hunter2\0", b"hunter2\xff"])
async def test_tokens_that_cannot_be_sent(token: bytes) -> None:
    sessions = Sessions()
    with pytest.raises(InvalidSpecError, match="line break") as caught:
        sessions.open("", **{**DEFAULTS, "bearer": SecretValue(token)})
    assert "hunter2" not in str(caught.value)
    await sessions.close()


async def test_headers_that_cannot_be_sent() -> None:
    async with serving() as url, closing() as sessions:
        with pytest.raises(InvalidSpecError, match="header X-Api-Key cannot be sent"):
            sessions.open(url, **{**DEFAULTS, "headers": {"X-Api-Key": "hunter2\n"}})
        session = sessions.open(url, **DEFAULTS)
        sessions.headers.remember("the token", SecretValue("hunter2\n"))
        with pytest.raises(InvalidSpecError, match="the token cannot be sent as header X-Api-Key") as caught:
            async with session.get("echo", headers={"X-Api-Key": "hunter2\n"}):
                pass
        assert "hunter2" not in str(caught.value)
        assert await get(session, "echo")


@pytest.mark.parametrize("user", ["hunter2", "ann:hunter2", ":hunter2"])
async def test_credentials_in_a_url_beside_others(user: str) -> None:
    async with serving() as url, closing() as sessions:
        place = url.replace("http://", f"http://{user}@")
        session = sessions.open("", **{**DEFAULTS, "bearer": SecretValue("token")})
        with pytest.raises(InvalidSpecError, match=r"the URL of 127\.0\.0\.1 holds a user name") as caught:
            await get(session, f"{place}echo")
        assert "hunter2" not in str(caught.value)
        assert (await get(sessions.open("", **DEFAULTS), f"{place}echo"))["headers"]["Authorization"].startswith(
            "Basic"
        )


async def test_a_port_that_is_none() -> None:
    async with closing() as sessions:
        with pytest.raises(InvalidSpecError, match="port"):
            # Nobody looks at the parts of an encoded URL before it is used.
            await sessions.open("", **DEFAULTS).get(URL("http://127.0.0.1:99999/", encoded=True))


def test_a_client_certificate_may_be_asked_for_after_the_handshake() -> None:
    assert tls_context(None, key_pair()).post_handshake_auth
    assert not tls_context(None).post_handshake_auth


def test_text_between_certificates_may_be_in_any_encoding() -> None:
    context = tls_context("# Autorité racine\n".encode("latin-1") + key_pair()[0])
    assert context.cert_store_stats()["x509"] == 1


def test_a_url_that_is_none() -> None:
    async def main() -> None:
        sessions = Sessions()
        with pytest.raises(InvalidSpecError, match="URL"):
            sessions.open("not a url", **DEFAULTS)

    asyncio.run(main())


def test_equal_settings_are_one_tls_context_while_somebody_uses_it() -> None:
    contexts, pair = TlsContexts(), key_pair()
    plain = contexts.get(pair[0], None, verify=True)
    assert contexts.get(bytes(pair[0]), None, verify=True) is plain
    others = [
        contexts.get(pair[0], pair, verify=True),
        contexts.get(None, pair, verify=True),
        contexts.get(pair[0], None, verify=False),
        contexts.get(None, None, verify=False),
    ]
    assert len({id(context) for context in [plain, *others]}) == 5
    gone = weakref.ref(plain)
    del plain
    assert gone() is None


async def test_stores_of_one_server_share_the_context(tmp_path: Path) -> None:
    certificate, _ = key_pair()
    contexts = TlsContexts()
    async with serving(server_tls(tmp_path)) as url:
        first, second = Sessions(contexts), Sessions(contexts)
        for sessions in (first, second):
            assert await get(sessions.open(url, **{**DEFAULTS, "ca": certificate}), "echo")
        await first.close()
        assert await get(second.open(url, **{**DEFAULTS, "ca": certificate}), "echo")
        await second.close()


@asynccontextmanager
async def closing() -> AsyncIterator[Sessions]:
    sessions = Sessions()
    try:
        yield sessions
    finally:
        await sessions.close()


async def test_the_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving() as proxy, closing() as sessions:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "")
        session = sessions.open("http://vendor.invalid", **DEFAULTS)
        async with session.get("/api/echo") as got:
            assert (await got.json())["headers"]["Host"] == "vendor.invalid"


async def test_a_netrc_file_tells_a_vendor_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with serving() as url, closing() as sessions, sessions.open(url, **DEFAULTS).get("/api/echo") as got:
        assert "Authorization" not in (await got.json())["headers"]
