"""The token of a client, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any

import pytest
from hvac.api.auth_methods import AppRole

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, NoSecretError, UnavailableError
from eso.identity.vault.adapter import Request
from eso.identity.vault.session import Login, Token, UnmeteredCalls, VaultSession
from eso.transform.gojson import Number
from eso.values import SecretValue
from reconcile.testing.loop import run


class Server:
    """Gives out tokens `t1`, `t2` ... and knows which of them are valid."""

    def __init__(self, lifetime: float = 3600, **auth: Any) -> None:
        self.lifetime = lifetime
        self.auth = {"renewable": False, "token_type": "service", "policies": ["default"], **auth}
        self.valid: set[str] = set()
        self.asked: list[str] = []
        self.errors: dict[str, Exception] = {}
        self.renews_for: float | None = None

    async def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        token: SecretValue | None = None,
        namespace: str | None = None,
        body: Mapping[str, Any] | None = None,
        query: Any = None,
        retry: bool = True,
    ) -> dict[str, Any]:
        self.asked.append(path)
        await asyncio.sleep(0.05)
        name = path.rsplit("/", 1)[-1]
        if name in self.errors:
            raise self.errors[name]
        if name == "login":
            text = f"t{self.logins}"
            self.valid.add(text)
            return {"auth": self._auth(text, self.lifetime)}
        text = token.reveal_text() if token is not None else ""
        if text not in self.valid:
            raise AccessDeniedError("403")
        if name == "renew-self":
            return {"auth": self._auth(text, self.lifetime if self.renews_for is None else self.renews_for)}
        if name == "revoke-self":
            self.valid.discard(text)
        if name == "lookup-self" and "default" not in self.auth["policies"]:
            raise AccessDeniedError("403")
        if name == "denied":
            raise AccessDeniedError("403")
        return {"data": {"id": text}}

    def _auth(self, text: str, lifetime: float) -> dict[str, Any]:
        return {**self.auth, "client_token": text, "lease_duration": Number(int(lifetime))}

    @property
    def logins(self) -> int:
        return self.count("login")

    def count(self, name: str) -> int:
        return sum(1 for path in self.asked if path.endswith(name))


async def prepare() -> Request:
    return lambda vault: AppRole(vault).login("r", mount_point="approle")


def session(server: Server) -> VaultSession:
    return VaultSession(server, Login("appRole", "approle", prepare), None, UnmeteredCalls())  # type: ignore[arg-type]


async def read(server: Server, subject: VaultSession, path: str = "secret/data/k") -> str:
    def send(token: Token) -> Awaitable[dict[str, Any]]:
        return server.request("GET", path, "reading", token=token.value)

    found: str = (await subject.authorized(send))["data"]["id"]
    return found


def test_a_thousand_readers_sign_in_once() -> None:
    async def main() -> None:
        server = Server()
        subject = session(server)
        await asyncio.gather(*(read(server, subject) for _ in range(1000)))
        assert server.logins == 1

    run(main())


@pytest.mark.parametrize(("lifetime", "fresh_until", "stale_from"), [(3600, 3539, 3541), (90, 59, 61), (30, 19, 21)])
def test_signs_in_again_before_the_end(lifetime: float, fresh_until: float, stale_from: float) -> None:
    async def main() -> None:
        server = Server(lifetime)
        subject = session(server)
        assert await read(server, subject) == "t1"
        await asyncio.sleep(fresh_until - 0.5)
        assert await read(server, subject) == "t1"
        await asyncio.sleep(stale_from - fresh_until)
        assert await read(server, subject) == "t2"

    run(main())


def test_renews_where_that_helps() -> None:
    async def main() -> None:
        server = Server(renewable=True)
        subject = session(server)
        await read(server, subject)
        for _ in range(3):
            await asyncio.sleep(3550)
            assert await read(server, subject) == "t1"
        assert (server.logins, server.count("renew-self")) == (1, 3)
        server.renews_for = 30
        await asyncio.sleep(3550)
        assert await read(server, subject) == "t2"

    run(main())


def test_a_token_that_ended_is_not_renewed() -> None:
    async def main() -> None:
        server = Server(renewable=True)
        subject = session(server)
        await read(server, subject)
        await asyncio.sleep(4000)
        assert await read(server, subject) == "t2"
        assert server.count("renew-self") == 0

    run(main())


@pytest.mark.parametrize("renewable", [False, True])
def test_an_outage_leaves_the_present_token_in_use(renewable: bool) -> None:
    async def main() -> None:
        server = Server(renewable=renewable)
        subject = session(server)
        await read(server, subject)
        server.errors = {"login": UnavailableError("out"), "renew-self": UnavailableError("out")}
        await asyncio.sleep(3550)
        for _ in range(20):
            assert await read(server, subject) == "t1"
        assert server.count("login") + server.count("renew-self") <= 3
        await asyncio.sleep(60)
        with pytest.raises(UnavailableError):
            await read(server, subject)
        server.errors.clear()
        await asyncio.sleep(31)
        await read(server, subject)

    run(main())


def test_a_revoked_token_is_replaced_once() -> None:
    async def main() -> None:
        server = Server()
        subject = session(server)
        await read(server, subject)
        server.valid.clear()
        assert set(await asyncio.gather(*(read(server, subject) for _ in range(100)))) == {"t2"}
        assert server.logins == 2

    run(main())


def test_a_denied_path_does_not_sign_in_again() -> None:
    async def main() -> None:
        server = Server()
        subject = session(server)
        for _ in range(10):
            with pytest.raises(AccessDeniedError):
                await read(server, subject, "secret/denied")
        assert (server.logins, server.count("lookup-self")) == (1, 1)

    run(main())


def test_a_token_that_cannot_look_itself_up() -> None:
    async def main() -> None:
        server = Server(policies=["narrow"])
        subject = session(server)
        for _ in range(10):
            with pytest.raises(AccessDeniedError):
                await read(server, subject, "secret/denied")
        assert server.logins == 1
        await asyncio.sleep(31)
        server.valid.clear()
        assert await read(server, subject) == "t2"

    run(main())


def test_failed_sign_ins_are_spread() -> None:
    async def main() -> None:
        server = Server()
        server.errors["login"] = InvalidRequestError("400")
        subject = session(server)
        for _ in range(100):
            with pytest.raises(AccessDeniedError, match="credentials or the role were refused"):
                await read(server, subject)
            await asyncio.sleep(0.6)
        assert server.logins <= 6

    run(main())


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (NoSecretError("404"), InvalidRequestError, "no such auth method"),
        (InvalidRequestError("400"), AccessDeniedError, "refused"),
        (AccessDeniedError("403"), AccessDeniedError, "403"),
    ],
)
def test_errors_of_a_login(error: Exception, expected: type[EsoError], text: str) -> None:
    async def main() -> None:
        server = Server()
        server.errors["login"] = error
        with pytest.raises(expected, match=text):
            await session(server).token()

    run(main())


@pytest.mark.parametrize(("auth", "revoked"), [({}, 1), ({"token_type": "batch"}, 0)])
def test_closing_revokes_service_tokens(auth: dict[str, Any], revoked: int) -> None:
    async def main() -> None:
        server = Server(**auth)
        subject = session(server)
        await subject.close()
        assert server.asked == []
        subject = session(server)
        await subject.token()
        await subject.close()
        await subject.close()
        assert server.count("revoke-self") == revoked
        with pytest.raises(AccessDeniedError, match="closed"):
            await subject.token()

    run(main())


def test_closing_leaves_what_it_should() -> None:
    async def main() -> None:
        server = Server()
        static = VaultSession(server, None, SecretValue("static"), UnmeteredCalls())  # type: ignore[arg-type]
        assert (await static.token()).value == SecretValue("static")
        await static.close()
        kept = session(server)
        await kept.token()
        await kept.close(revoke=False)
        gone = session(server)
        await gone.token()
        server.valid.clear()
        await gone.close()
        assert server.count("revoke-self") == 1

    run(main())


def test_a_static_token_is_not_replaced() -> None:
    async def main() -> None:
        server = Server()
        subject = VaultSession(server, None, SecretValue("static"), UnmeteredCalls())  # type: ignore[arg-type]
        with pytest.raises(AccessDeniedError):
            await read(server, subject)
        with pytest.raises(AccessDeniedError):
            await subject.valid()
        server.valid.add("static")
        await subject.valid()
        assert server.logins == 0

    run(main())


@pytest.mark.parametrize("auth", [None, {}, {"client_token": ""}, {"client_token": 7}, "text"])
def test_an_answer_without_token(auth: Any) -> None:
    class Odd(Server):
        async def request(self, method: str, path: str, what: str, **more: Any) -> dict[str, Any]:
            return {"auth": auth}

    async def main() -> None:
        with pytest.raises(EsoError, match="holds no token"):
            await session(Odd()).token()

    run(main())


def test_nothing_speaks_of_the_token() -> None:
    assert "hvs.canary" not in repr(Token(SecretValue("hvs.canary")))
