"""One token for many requests: signed in once, replaced in time and when it was refused."""

from __future__ import annotations

import asyncio

import pytest

from eso.errors import UnavailableError
from eso.providers.renewed import Renewed
from reconcile.testing.loop import run


class SignIn:
    def __init__(self) -> None:
        self.made = 0
        self.now = 0.0
        self.fails = False
        self.lifetime = 3600.0
        self.tokens = Renewed(self._request, lambda: self.now, early=60.0)

    async def _request(self) -> tuple[str, float]:
        await asyncio.sleep(1)
        if self.fails:
            raise UnavailableError("out")
        self.made += 1
        return f"token {self.made}", self.now + self.lifetime


def test_requests_that_come_together_share_one_sign_in() -> None:
    async def main() -> None:
        sign_in = SignIn()
        assert sign_in.tokens.current is None
        assert set(await asyncio.gather(*(sign_in.tokens.get() for _ in range(9)))) == {"token 1"}
        assert sign_in.tokens.current == "token 1"

    run(main())


@pytest.mark.parametrize(("now", "made"), [(3540.0, 1), (3541.0, 2), (9999.0, 2)])
def test_it_is_replaced_before_its_end(now: float, made: int) -> None:
    async def main() -> None:
        sign_in = SignIn()
        await sign_in.tokens.get()
        sign_in.now = now
        assert await sign_in.tokens.get() == f"token {made}"

    run(main())


@pytest.mark.parametrize(("lifetime", "used"), [(-3600.0, 10.0), (0.0, 10.0), (60.0, 1.0), (0.5, 0.25)])
def test_one_that_ends_at_once_does_not_make_each_request_sign_in(lifetime: float, used: float) -> None:
    async def main() -> None:
        sign_in = SignIn()
        sign_in.lifetime = lifetime
        await sign_in.tokens.get()
        began = sign_in.now
        sign_in.now = began + used
        assert await sign_in.tokens.get() == "token 1"
        sign_in.now = began + used + 1
        assert await sign_in.tokens.get() == "token 2"

    run(main())


def test_a_refused_one_is_replaced_once() -> None:
    async def main() -> None:
        sign_in = SignIn()
        first = await sign_in.tokens.get()

        async def refused() -> str:
            sign_in.tokens.forget(first)
            return await sign_in.tokens.get()

        assert await asyncio.gather(*(refused() for _ in range(5))) == ["token 2"] * 5

    run(main())


def test_a_failed_sign_in_is_tried_again_by_the_next_request() -> None:
    async def main() -> None:
        sign_in = SignIn()
        sign_in.fails = True
        with pytest.raises(UnavailableError):
            await sign_in.tokens.get()
        sign_in.fails = False
        assert await sign_in.tokens.get() == "token 1"

    run(main())
