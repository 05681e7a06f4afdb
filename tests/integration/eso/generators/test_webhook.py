"""generators/webhook.md, against a server on loopback."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from eso.errors import (
    EsoError,
    InvalidSpecError,
    NoSecretError,
    NotModifiedError,
    ProviderError,
    ReferenceNotFoundError,
    UnavailableError,
)
from eso.generators.webhook import WebhookGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.tokenserver import TokenServer, serving


@dataclass
class Hook(TokenServer):
    """Answers with `content` and keeps what it was sent."""

    content: Any = None
    requests: list[tuple[str, str, dict[str, str], str]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> tuple[int, Any]:
        body = (await request.read()).decode()
        self.requests.append((request.method, request.rel_url.raw_path_qs, dict(request.headers), body))
        return 200, self.content


SECRETS = {
    "marked|external-secrets.io/type=webhook": {"user": "canary-user", "pw": "canary pw", "query": "a&b=c"},
    "other|external-secrets.io/type=store": {"user": "x"},
    "unmarked": {"user": "x"},
}


class Case:
    def __init__(self, content: Any = None, **changes: Any) -> None:
        self.hook = Hook(content=content if content is not None else {"a": "b"})
        self.bench = GeneratorBench(SECRETS)
        self.changes = changes

    def generate(self) -> dict[str, str]:
        async def go() -> dict[str, str]:
            async with serving(self.hook):
                spec = {"url": f"{self.hook.url}/path", "result": {}, **self.changes}
                spec["url"] = spec["url"].replace("HOST", self.hook.url)
                values, state = await self.bench.generate(WebhookGenerator(), spec)
                assert state is None
                return values

        return asyncio.run(go())


def secret(name: str) -> dict[str, Any]:
    return {"secrets": [{"name": "auth", "secretRef": {"name": name, "key": "user"}}]}


def test_request_is_rendered_with_every_key_of_its_secrets() -> None:
    case = Case(
        method="POST",
        url="HOST/{{ .auth.user }}",
        headers={"X-Token": "{{ .auth.pw | b64enc }}"},
        body='{"pw":{{ .auth.pw | toJson }}}',
        **secret("marked"),
    )
    assert case.generate() == {"a": "b"}
    ((method, path, headers, body),) = case.hook.requests
    assert (method, path, body) == ("POST", "/canary-user", '{"pw":"canary pw"}')
    assert headers["X-Token"] == "Y2FuYXJ5IHB3"
    # Nobody said what the body is.
    assert "Content-Type" not in headers


def test_method_is_get_by_default() -> None:
    case = Case()
    case.generate()
    assert case.hook.seen == ["GET /path"]


@pytest.mark.parametrize(
    ("content", "path", "values"),
    [
        (
            {"a": "b", "n": 1, "t": True, "z": None, "o": {"x": [1, 2]}},
            "",
            {"a": "b", "n": "1", "t": "true", "z": "", "o": '{"x":[1,2]}'},
        ),
        ({"data": {"k": "v"}}, "$.data", {"k": "v"}),
        ({"data": '{"k":"v"}'}, "$.data", {"k": "v"}),
        ('{"k":"v"}', "", {"k": "v"}),
    ],
)
def test_values(content: Any, path: str, values: dict[str, str]) -> None:
    assert Case(content, result={"jsonPath": path} if path else {}).generate() == values


@pytest.mark.parametrize(
    ("content", "path"), [(["canary"], ""), ("canary", ""), (7, ""), ({"a": ["canary"]}, "$.a"), ({"a": "[1]"}, "$.a")]
)
def test_anything_but_an_object_is_an_error(content: Any, path: str) -> None:
    with pytest.raises(ProviderError) as caught:
        Case(content, result={"jsonPath": path} if path else {}).generate()
    assert "canary" not in repr(caught.value)


@pytest.mark.parametrize(
    ("name", "error"),
    [("unmarked", InvalidSpecError), ("other", InvalidSpecError), ("absent", ReferenceNotFoundError)],
)
def test_secret_must_be_marked_for_webhooks(name: str, error: type[EsoError]) -> None:
    case = Case(**secret(name))
    with pytest.raises(error):
        case.generate()
    assert case.hook.seen == []


@pytest.mark.parametrize(
    ("status", "error"), [(404, NoSecretError), (304, NotModifiedError), (500, UnavailableError), (204, ProviderError)]
)
def test_status(status: int, error: type[EsoError]) -> None:
    case = Case()
    case.hook.fault = (status, {}, b"" if status in (204, 304) else b"canary")
    with pytest.raises(error) as caught:
        case.generate()
    assert "canary" not in repr(caught.value)


def test_calls_are_counted() -> None:
    case = Case()
    case.generate()
    labels = {"provider": "Webhook", "call": "HTTPRequest", "status": "success"}
    assert case.bench.registry.get_sample_value("externalsecret_provider_api_calls_count", labels) == 1


@pytest.mark.parametrize(("timeout", "error"), [("50ms", UnavailableError), ("soon", InvalidSpecError)])
def test_timeout(timeout: str, error: type[EsoError]) -> None:
    case = Case(timeout=timeout)
    case.hook.delay = 0.5
    with pytest.raises(error):
        case.generate()


def test_names_that_do_not_exist_print_as_no_value() -> None:
    case = Case(headers={"X-None": "[{{ .auth.none }}][{{ .nowhere.x }}]"}, **secret("marked"))
    case.generate()
    assert case.hook.requests[0][2]["X-None"] == "[<no value>][<no value>]"


def test_values_of_secrets_are_not_escaped_in_urls() -> None:
    case = Case(url="HOST/?pw={{ .auth.query }}", **secret("marked"))
    case.generate()
    assert case.hook.requests[0][1] == "/?pw=a&b=c"


@pytest.mark.parametrize(
    ("name", "error"), [("unmarked", InvalidSpecError), ("other", InvalidSpecError), ("absent", ReferenceNotFoundError)]
)
def test_secrets_of_ntlm_must_be_marked_too(name: str, error: type[EsoError]) -> None:
    ntlm = {
        "usernameSecret": {"name": "marked", "key": "user"},
        "passwordSecret": {"name": name, "key": "pw"},
    }
    case = Case(auth={"ntlm": ntlm})
    with pytest.raises(error):
        case.generate()
    assert case.hook.seen == []


@pytest.mark.parametrize("kind", ["Secret", "ConfigMap"])
def test_a_ca_provider_is_looked_up_where_the_consumer_is(kind: str) -> None:
    case = Case(caProvider={"type": kind, "name": "ca", "key": "ca.crt", "namespace": "elsewhere"})
    with pytest.raises(ReferenceNotFoundError, match="consumer"):
        case.generate()
