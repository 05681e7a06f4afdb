"""The HTTP transport on loopback sockets: credentials and certificates that rotate, connections that break."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconcile.client.config import Config
from reconcile.client.http import HttpTransport
from reconcile.client.transport import NotSentError, OversizedError
from reconcile.errors import ConfigError, TransportError
from tests.support import loopback

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with loopback.serving(app, tls) as url:
        yield url


class Authority:
    """A certificate authority for one test."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.certificate = self._sign(self.name, self.key.public_key(), ca=True)

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key.public_key(), ca=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return certificate.public_bytes(serialization.Encoding.PEM), private

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("api.example")]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def server(self, directory: Path) -> ssl.SSLContext:
        certificate, key = self.issue("server")
        file = directory / "server.pem"
        file.write_bytes(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


async def test_a_request_and_its_answer() -> None:
    seen: list[tuple[str, str, bytes, str]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.path_qs, await request.read(), request.headers["Content-Type"]))
        return web.Response(status=422, body=b"{}", headers={"Retry-After": "3"})

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url + "/"))
        query = {"labelSelector": "a in (b,c)"}
        answer = await transport.request("PUT", "/x/a%2Fb", query=query, body=b"body", content_type="text/x")
        assert (answer.status, answer.body, answer.headers["retry-after"]) == (422, b"{}", "3")
        assert transport.host == url.removeprefix("http://")
        await transport.close()
    assert seen == [("PUT", "/x/a%2Fb?labelSelector=a+in+(b,c)", b"body", "text/x")]


async def test_a_401_is_answered_with_the_token_as_it_is_now(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    valid = "old"

    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.headers["Authorization"] == f"Bearer {valid}" else 401)

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url, token_file=str(token)))
        assert (await transport.request("GET", "/x")).status == 200
        token.write_text("new")
        valid = "new"
        assert (await transport.request("GET", "/x")).status == 200
        valid = "newer"
        token.write_text("newer")
        async with transport.stream("GET", "/x") as stream:
            assert stream.status == 200
        valid = "unknown"
        assert (await transport.request("GET", "/x")).status == 401
        await transport.close()


async def test_a_stream_arrives_in_pieces_and_closes_its_connection() -> None:
    ended = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            for _ in range(1000):
                await answer.write(b"line\n")
                await asyncio.sleep(0.005)
        except (ConnectionResetError, asyncio.CancelledError):
            pass
        ended.set()
        return answer

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url))
        async with transport.stream("GET", "/x") as stream:
            async for chunk in stream:
                assert chunk.startswith(b"line\n")
                break
        async with asyncio.timeout(2):
            await ended.wait()
        await transport.close()


async def test_a_broken_stream_is_a_transport_error() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"line\n")
        assert request.transport is not None
        request.transport.abort()
        return answer

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url))
        with pytest.raises(TransportError):
            async with transport.stream("GET", "/x") as stream:
                async for _ in stream:
                    pass
        await transport.close()


async def test_no_answer_in_time_and_nobody_there() -> None:
    async def handler(request: web.Request) -> web.Response:
        await asyncio.sleep(0.5)
        return web.Response()

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url, request_timeout=0.05))
        with pytest.raises(TransportError, match=r"GET /x: no answer within 0\.05 s"):
            await transport.request("GET", "/x")
        with pytest.raises(TransportError, match="no answer"):
            async with transport.stream("GET", "/x", timeout=0.05):
                pass
    with pytest.raises(NotSentError, match="no connection to 127"):
        await transport.request("POST", "/x")
    await transport.close()


async def test_the_length_of_an_answer_has_a_limit_where_one_is_set() -> None:
    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * int(request.path.removeprefix("/")))

    async with serving(handle) as url:
        transport = HttpTransport(Config(server=url, answer_limit=1000))
        assert len((await transport.request("GET", "/1000")).body) == 1000
        with pytest.raises(OversizedError, match="longer than 1000 bytes"):
            await transport.request("GET", "/1001")
        assert len((await transport.request("GET", "/16000", query={"limit": "5"})).body) == 16000
        with pytest.raises(OversizedError):
            await transport.request("GET", "/16001", query={"limit": "5"})
        await transport.close()


async def test_a_redirect_does_not_carry_the_token_away() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://elsewhere.example/"})

    async with serving(handler) as url:
        transport = HttpTransport(Config(server=url, token="t"))
        assert (await transport.request("GET", "/x")).status == 302
        await transport.close()


async def test_the_server_must_be_trusted_and_have_the_name(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    authority = Authority()
    async with serving(handler, authority.server(tmp_path)) as url:
        cases: list[tuple[Config, bool]] = [
            (Config(server=url), False),
            (Config(server=url, ca_data=Authority().pem), False),
            (Config(server=url, ca_data=authority.pem), True),
            (Config(server=url, ca_data="# Autorité\n".encode("latin-1") + authority.pem), True),
            (Config(server=url, ca_data=authority.pem, tls_server_name="api.example"), True),
            (Config(server=url, ca_data=authority.pem, tls_server_name="other.example"), False),
            (Config(server=url, insecure_skip_tls_verify=True), True),
        ]
        for config, trusted in cases:
            transport = HttpTransport(config)
            if trusted:
                assert (await transport.request("GET", "/x")).status == 200
            else:
                with pytest.raises(TransportError, match="certificate is not trusted"):
                    await transport.request("GET", "/x")
            await transport.close()


@pytest.mark.parametrize("ca", [b"nothing", "ключ".encode()])
async def test_an_authority_that_is_none_never_means_those_of_the_system(ca: bytes) -> None:
    transport = HttpTransport(Config(server="https://127.0.0.1:1", ca_data=ca))
    with pytest.raises(ConfigError, match="not usable"):
        await transport.request("GET", "/x")
    await transport.close()


async def test_client_certificates_from_files_and_data(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        peer = request.transport.get_extra_info("peercert")
        return web.Response(text=peer["subject"][0][0][1] if peer else "nobody")

    authority = Authority()
    tls = authority.server(tmp_path)
    tls.load_verify_locations(cadata=authority.pem.decode())
    tls.verify_mode = ssl.CERT_OPTIONAL
    certificate, key = authority.issue("alice")
    (tmp_path / "tls.crt").write_bytes(certificate)
    (tmp_path / "tls.key").write_bytes(key)
    files = {"client_certificate_file": str(tmp_path / "tls.crt"), "client_key_file": str(tmp_path / "tls.key")}
    async with serving(handler, tls) as url:
        for config, who in (
            (Config(server=url, ca_data=authority.pem), b"nobody"),
            (Config(server=url, ca_data=authority.pem, **files), b"alice"),  # type: ignore[arg-type]
            (
                Config(server=url, ca_data=authority.pem, client_certificate_data=certificate, client_key_data=key),
                b"alice",
            ),
        ):
            transport = HttpTransport(config)
            assert (await transport.request("GET", "/x")).body == who
            await transport.close()


async def test_a_rotated_ca_file_is_followed_and_a_broken_one_is_not(tmp_path: Path) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    old, new = Authority(), Authority()
    ca = tmp_path / "ca.crt"
    ca.write_bytes(old.pem)
    async with serving(handler, old.server(tmp_path)) as old_url, serving(handler, new.server(tmp_path)) as new_url:
        transport = HttpTransport(Config(server=old_url, ca_file=str(ca)), look_every=0.0)
        assert (await transport.request("GET", "/x")).status == 200
        ca.write_bytes(b"half a file")
        assert (await transport.request("GET", "/x")).status == 200
        moved = HttpTransport(Config(server=new_url, ca_file=str(ca)), look_every=0.0)
        with pytest.raises(ConfigError, match="TLS files"):
            await moved.request("GET", "/x")
        ca.write_bytes(old.pem)
        with pytest.raises(TransportError, match="not trusted"):
            await moved.request("GET", "/x")
        ca.write_bytes(new.pem)
        assert (await moved.request("GET", "/x")).status == 200
        await transport.close()
        await moved.close()


def test_what_is_no_url_is_refused() -> None:
    for server in ("", "api:6443", "ftp://x", "https://", "https://[", "https://x:port", "https://x:99999"):
        with pytest.raises(ConfigError, match="is not an http or https URL"):
            HttpTransport(Config(server=server))
