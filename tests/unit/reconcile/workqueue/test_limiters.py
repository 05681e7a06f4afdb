from __future__ import annotations

import pytest

from reconcile.workqueue import ExponentialLimiter, MaxOfLimiter, TokenBucketLimiter, default_limiter


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_exponential_doubles_up_to_its_cap_and_starts_again_after_forget() -> None:
    limiter = ExponentialLimiter[str]()
    assert [limiter.when("a") for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 420, 420]
    assert limiter.retries("a") == 11
    assert limiter.when("b") == 1
    limiter.forget("a")
    assert limiter.retries("a") == 0
    assert limiter.when("a") == 1


def test_exponential_stays_at_its_cap_for_ever() -> None:
    limiter = ExponentialLimiter[str](cap=60)
    assert {limiter.when("a") for _ in range(5000)} == {1, 2, 4, 8, 16, 32, 60}


def test_token_bucket_gives_a_burst_and_then_its_rate() -> None:
    clock = Clock()
    limiter = TokenBucketLimiter[str](10, 3, clock=clock)
    assert [limiter.when("a") for _ in range(5)] == pytest.approx([0, 0, 0, 0.1, 0.2])
    clock.now = 0.2
    assert limiter.when("a") == pytest.approx(0.1)
    clock.now = 1000
    assert [limiter.when("a") for _ in range(4)] == pytest.approx([0, 0, 0, 0.1])


def test_token_bucket_can_refuse_instead() -> None:
    clock = Clock()
    limiter = TokenBucketLimiter[str](1, 2, clock=clock)
    assert [limiter.try_take() for _ in range(3)] == [True, True, False]
    clock.now = 1
    assert [limiter.try_take() for _ in range(2)] == [True, False]


def test_token_bucket_does_not_mind_a_clock_that_goes_back() -> None:
    clock = Clock()
    clock.now = 100
    limiter = TokenBucketLimiter[str](1, 1, clock=clock)
    assert limiter.when("a") == 0
    clock.now = 50
    assert limiter.when("a") == pytest.approx(1)


def test_max_of_asks_all() -> None:
    clock = Clock()
    limiter = MaxOfLimiter(ExponentialLimiter[str](), TokenBucketLimiter[str](1, 1, clock=clock))
    assert [limiter.when("a"), limiter.when("a"), limiter.when("b")] == pytest.approx([1, 2, 2])
    assert limiter.retries("a") == 2
    limiter.forget("a")
    assert limiter.retries("a") == 0


def test_default_limiter_has_esos_figures() -> None:
    limiter = default_limiter(Clock())
    assert limiter.when("a") == 1
    delays = [limiter.when(number) for number in range(200)]
    assert delays[98] == 1  # the burst of 100 is used up
    assert delays[-1] == pytest.approx(10.1)


@pytest.mark.parametrize(("base", "cap"), [(0, 1), (-1, 1), (2, 1)])
def test_exponential_refuses_nonsense(base: float, cap: float) -> None:
    with pytest.raises(ValueError, match="base"):
        ExponentialLimiter[str](base, cap)
