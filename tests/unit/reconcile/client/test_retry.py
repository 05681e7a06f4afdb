from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from reconcile.client import Response
from reconcile.client.retry import RetryingTransport, RetryPolicy
from reconcile.client.transport import NotSentError
from reconcile.errors import TransportError
from reconcile.metrics import ClientMetrics
from reconcile.testing.loop import run
from tests.support.transport import ScriptedStream, ScriptedTransport

OK = Response(200, b"{}")
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
RESET = TransportError("reset")
REFUSED = NotSentError("refused")


@pytest.mark.parametrize(
    ("method", "content_type", "first", "again"),
    [
        ("GET", "", Response(429), True),
        ("POST", "application/json", Response(429), True),
        ("GET", "", Response(500), True),
        ("GET", "", Response(503), True),
        ("PUT", "application/json", Response(503), True),
        ("DELETE", "", Response(504), True),
        ("PATCH", APPLY, Response(502), True),
        ("POST", "application/json", Response(500), False),
        ("PATCH", MERGE, Response(503), False),
        ("POST", "application/json", Response(503, b"", {"retry-after": "1"}), True),
        ("GET", "", RESET, True),
        ("POST", "application/json", RESET, False),
        ("PUT", "application/json", RESET, False),
        ("DELETE", "", RESET, False),
        ("POST", "application/json", REFUSED, True),
        ("GET", "", Response(404), False),
        ("GET", "", Response(501), False),
        ("PUT", "", Response(409), False),
    ],
)
def test_what_is_sent_again(method: str, content_type: str, first: Response | Exception, again: bool) -> None:
    async def story() -> None:
        inner = ScriptedTransport(first, OK)
        transport = RetryingTransport(inner)
        if again:
            assert (await transport.request(method, "/x", content_type=content_type)).status == 200
            assert len(inner.calls) == 2
        elif isinstance(first, Exception):
            with pytest.raises(TransportError):
                await transport.request(method, "/x", content_type=content_type)
        else:
            assert (await transport.request(method, "/x", content_type=content_type)).status == first.status
            assert len(inner.calls) == 1

    run(story())


def test_gives_up_after_its_attempts() -> None:
    async def story() -> None:
        inner = ScriptedTransport(*[Response(500)] * 9)
        assert (await RetryingTransport(inner).request("GET", "/x")).status == 500
        assert len(inner.calls) == 5
        inner = ScriptedTransport(*[RESET] * 9)
        with pytest.raises(TransportError):
            await RetryingTransport(inner, policy=RetryPolicy(attempts=2)).request("GET", "/x")
        assert len(inner.calls) == 2

    run(story())


def test_waits_as_long_as_the_server_asks_unless_that_is_too_long() -> None:
    async def story() -> None:
        inner = ScriptedTransport(Response(429, b"", {"Retry-After": "7"}), OK)
        await RetryingTransport(inner).request("POST", "/x")
        assert 7 <= inner.calls[1].at - inner.calls[0].at < 8
        inner = ScriptedTransport(Response(429, b"", {"Retry-After": "3600"}))
        assert (await RetryingTransport(inner).request("POST", "/x")).status == 429

    run(story())


def test_waits_grow() -> None:
    async def story() -> None:
        inner = ScriptedTransport(*[Response(503)] * 4, OK)
        await RetryingTransport(inner).request("GET", "/x")
        waits = [second.at - first.at for first, second in zip(inner.calls, inner.calls[1:], strict=False)]
        for wait, top in zip(waits, (0.1, 0.2, 0.4, 0.8), strict=True):
            assert top / 2 <= wait <= top + 1e-6

    run(story())


def test_qps_and_burst_limit_requests_on_this_side() -> None:
    async def story() -> None:
        inner = ScriptedTransport(*[OK] * 30)
        transport = RetryingTransport(inner, qps=10, burst=5)
        start = asyncio.get_running_loop().time()
        await asyncio.gather(*(transport.request("GET", "/x") for _ in range(25)))
        times = [round(call.at - start, 3) for call in inner.calls]
        assert times[:5] == [0, 0, 0, 0, 0]
        assert times[-1] == pytest.approx(2.0)

    run(story())


def test_attempts_are_counted_by_code_method_and_host() -> None:
    async def story() -> None:
        registry = CollectorRegistry()
        inner = ScriptedTransport(Response(503), RESET, OK, ScriptedStream(status=410), RESET)
        transport = RetryingTransport(inner, metrics=ClientMetrics(registry))
        await transport.request("GET", "/x")
        async with transport.stream("GET", "/w"):
            pass
        with pytest.raises(TransportError):
            async with transport.stream("GET", "/w"):
                pass
        for code, count in (("503", 1), ("<error>", 2), ("200", 1), ("410", 1)):
            labels = {"code": code, "method": "GET", "host": "server:443"}
            assert registry.get_sample_value("rest_client_requests_total", labels) == count
        seconds = registry.get_sample_value(
            "rest_client_request_duration_seconds_count", {"verb": "GET", "host": "server:443"}
        )
        assert seconds == 5

    run(story())
