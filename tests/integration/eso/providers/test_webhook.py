"""providers/webhook.md, row by row, against a server on loopback."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    NotModifiedError,
    ProviderError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, RemoteRef, ValidationResult
from eso.providers.webhook.provider import WebhookProvider
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.webhook import Hook, serving_hook

MARKED = {"external-secrets.io/type": "webhook"}
PASSWORD = "canary-password"


class Case:
    def __init__(self, hook: Hook, stores: ProviderBench) -> None:
        self.hook = hook
        self.stores = stores

    def lend(
        self, path: str = "/v/{{ .remoteRef.key }}", *, cluster: bool = False, consumer: str = "app", **spec: Any
    ) -> Any:
        return self.stores.lend({"url": self.hook.url + path, **spec}, cluster=cluster, consumer=consumer)

    @property
    def last(self) -> tuple[str, str, dict[str, str], str]:
        return self.hook.requests[-1]


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    async with serving_hook(Hook()) as hook, bench(WebhookProvider()) as stores:
        await stores.secret("creds", labels=MARKED, user="canary-user", pw=PASSWORD)
        await stores.secret("creds", "other", labels=MARKED, user="others-user", pw=PASSWORD)
        await stores.secret("unmarked", user="u", pw="p")
        await stores.secret("wrong", labels={"external-secrets.io/type": "store"}, user="u")
        await stores.secret("ntlm", labels=MARKED, user="DOMAIN\\canary-user", pw=PASSWORD, bad="canary-bad")
        yield Case(hook, stores)


def secrets(name: str = "creds", namespace: str | None = None) -> list[dict[str, Any]]:
    ref = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return [{"name": "auth", "secretRef": ref}]


# 1. Credentials


async def test_all_keys_of_a_marked_secret_are_exposed(case: Case) -> None:
    headers = {"Authorization": '{{ printf "%s:%s" .auth.user .auth.pw | b64enc }}', "X-None": "[{{ .auth.none }}]"}
    async with case.lend(secrets=secrets(), headers=headers) as client:
        await value(client, "a")
    assert base64.b64decode(case.last[2]["Authorization"]).decode() == f"canary-user:{PASSWORD}"
    assert case.last[2]["X-None"] == "[]"


@pytest.mark.parametrize("name", ["unmarked", "wrong"])
async def test_a_secret_without_the_label_is_refused(case: Case, name: str) -> None:
    with pytest.raises(InvalidSpecError, match=r"external-secrets\.io/type"):
        async with case.lend(secrets=secrets(name)):
            pass


async def test_a_missing_secret_is_an_error(case: Case) -> None:
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(secrets=secrets("nowhere")):
            pass


async def test_a_secret_store_stays_in_its_namespace(case: Case) -> None:
    async with case.lend("/?u={{ .auth.user }}", secrets=secrets(namespace="other")) as client:
        await value(client, "a")
    assert case.last[1] == "/?u=canary-user"


async def test_a_cluster_store_must_name_the_namespace(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="namespace"):
        async with case.lend(secrets=secrets(), cluster=True):
            pass
    async with case.lend("/?u={{ .auth.user }}", secrets=secrets(namespace="other"), cluster=True) as client:
        await value(client, "a")
    assert case.last[1] == "/?u=others-user"


def ntlm(key: str = "pw") -> dict[str, Any]:
    return {"ntlm": {"usernameSecret": {"name": "ntlm", "key": "user"}, "passwordSecret": {"name": "ntlm", "key": key}}}


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "users"
    file.write_text(f"DOMAIN:canary-user:{PASSWORD}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


@pytest.mark.usefixtures("users")
async def test_ntlm_signs_in_and_overrides_authorization(case: Case) -> None:
    case.hook.ntlm, case.hook.content = True, "canary-value"
    async with case.lend(auth=ntlm(), headers={"authorization": "Basic x"}) as client:
        assert await value(client, "a") == "canary-value"
    assert case.last[2]["Authorization"].startswith("NTLM ")
    assert "Basic x" not in case.last[2].values()


@pytest.mark.usefixtures("users")
async def test_ntlm_and_a_custom_ca_work_together(case: Case) -> None:
    async with serving_hook(Hook(content="over tls", ntlm=True), tls=True) as hook:
        spec = {"url": hook.url, "auth": ntlm(), "caBundle": base64.b64encode(hook.ca).decode()}
        async with case.stores.lend(spec) as client:
            assert await value(client, "a") == "over tls"


@pytest.mark.usefixtures("users")
@pytest.mark.parametrize("broken", ["", "NTLM !!!", "NTLM Y2FuYXJ5LWNoYWxsZW5nZQ=="])
async def test_ntlm_refused(case: Case, broken: str) -> None:
    case.hook.ntlm, case.hook.broken_challenge = True, broken
    async with case.lend(auth=ntlm("pw" if broken else "bad")) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "a")
    assert "canary" not in told(caught.value)
    assert case.hook.requests == []


async def test_ntlm_needs_marked_secrets(case: Case) -> None:
    auth = {"ntlm": {**ntlm()["ntlm"], "passwordSecret": {"name": "unmarked", "key": "pw"}}}
    with pytest.raises(InvalidSpecError, match="unmarked"):
        async with case.lend(auth=auth):
            pass
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend(auth=ntlm("absent")):
            pass


async def test_ca_bundle_is_the_only_root(case: Case) -> None:
    async with serving_hook(Hook(content="x"), tls=True) as hook:
        for pem in (hook.ca, base64.b64encode(hook.ca)):
            bundle = base64.b64encode(pem).decode()
            async with case.stores.lend({"url": hook.url, "caBundle": bundle}) as client:
                assert await value(client, "a") == "x"
        await case.stores.secret("ca", crt=hook.ca.decode())
        provider = {"type": "Secret", "name": "ca", "key": "crt"}
        async with case.stores.lend({"url": hook.url, "caProvider": provider}) as client:
            assert await value(client, "a") == "x"
        async with case.stores.lend({"url": hook.url}) as client:
            with pytest.raises(UnavailableError, match="caBundle"):
                await value(client, "a")


# 2. Templating and remoteRef


async def test_read_is_a_get_and_the_body_is_the_value(case: Case) -> None:
    case.hook.content = b"\x00\xffcanary"
    async with case.lend() as client:
        from_server = await client.get_secret(RemoteRef("a"))
    assert from_server.reveal() == b"\x00\xffcanary"
    assert case.last[:2] == ("GET", "/v/a")
    assert case.stores.counted("Webhook", "HTTPRequest") == 1


async def test_templates_see_the_reference_escaped_in_the_url_only(case: Case) -> None:
    fields = "{{ .remoteRef.key }}|{{ .remoteRef.property }}|{{ .remoteRef.version }}|{{ .remoteRef.namespace }}"
    async with case.lend(
        "/?{{ .remoteRef.key }}&{{ .remoteRef.property }}&{{ .remoteRef.version }}&{{ .remoteRef.namespace }}",
        headers={"X-Fields": fields},
        body=fields + "{{ .nothing.here }}",
        method="POST",
    ) as client:
        await value(client, "a b/ü", "p&q", version="v=1")
    method, path, headers, body = case.last
    assert method == "POST"
    assert path == "/?a+b%2F%C3%BC&p%26q&v%3D1&app"
    assert body == "a b/ü|p&q|v=1|app"
    assert headers["X-Fields"].endswith("|p&q|v=1|app")


async def test_secrets_in_the_url_are_not_escaped(case: Case) -> None:
    await case.stores.secret("query", labels=MARKED, q="a=1&b=2")
    async with case.lend("/?{{ .auth.q }}", secrets=secrets("query")) as client:
        await value(client, "a")
    assert case.last[1] == "/?a=1&b=2"


async def test_functions_of_templates(case: Case) -> None:
    async with case.lend('/{{ .remoteRef.key | upper | replace "-" "_" }}') as client:
        await value(client, "a-b")
    assert case.last[1] == "/A_B"


@pytest.mark.parametrize("field", ["url", "headers", "body", "result"])
async def test_a_broken_template_names_its_field(case: Case, field: str) -> None:
    case.hook.content = "{}"
    spec: dict[str, Any] = {
        "url": {"url": case.hook.url + "/{{ .x | nofunc }}"},
        "headers": {"headers": {"A": "{{ end }}"}},
        "body": {"body": "{{"},
        "result": {"result": {"jsonPath": "{{ if }}"}},
    }[field]
    async with case.stores.lend({"url": case.hook.url, **spec}) as client:
        with pytest.raises(InvalidSpecError, match=field):
            await value(client, "a")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NoSecretError),
        (304, NotModifiedError),
        (400, InvalidRequestError),
        (401, AccessDeniedError),
        (403, AccessDeniedError),
        (429, ThrottledError),
        (500, UnavailableError),
        (503, UnavailableError),
        (305, ProviderError),
    ],
)
async def test_status_of_a_read(
    case: Case, status: int, error: type[ProviderError], caplog: pytest.LogCaptureFixture
) -> None:
    case.hook.status, case.hook.content, case.hook.headers = status, "canary-body", {"Retry-After": "7"}
    async with case.lend(secrets=secrets(), headers={"X-Token": "{{ .auth.pw }}"}) as client:
        with pytest.raises(error) as caught:
            await value(client, "a")
    if isinstance(caught.value, ThrottledError | UnavailableError):
        assert caught.value.retry_after == 7
    assert "canary" not in told(caught.value) + caplog.text
    assert case.hook.tries == 1  # no retry


DOCUMENT = {
    "text": "v",
    "yes": True,
    "none": None,
    "int": 12345678901,
    "float": 2.75,
    "list": ["first", "second"],
    "nested": [["innermost"], "x"],
    "empty": [],
    "numbers": [{"a": 1}, 2],
    "object": {"b": "<&>", "a": 1},
    "items": [{"k": "x", "v": "1"}, {"k": "y", "v": "2"}],
    "deep": {"deeper": {"needle": "found"}},
}


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.text", "v"),
        ("$['text']", "v"),
        ("$.yes", "true"),
        ("$.none", ""),
        ("$.int", "12345678901"),
        ("$.float", "2.75"),
        ("$.list", "first"),
        ("$.list[1]", "second"),
        ("$.list[0:1]", "first"),
        ("$.list[*]", "first"),
        ("$.nested", "innermost"),
        ("$.numbers", '{"a":1}'),
        ("$.object", '{"a":1,"b":"\\u003c\\u0026\\u003e"}'),
        ("$.items[?(@.k=='y')].v", "2"),
        ("$.items[?(@.k!='x')].v", "2"),
        ("$..needle", "found"),
        ("$.deep.*.needle", "found"),
        ("$.{{ .remoteRef.property }}", "v"),
    ],
)
async def test_json_path(case: Case, path: str, wanted: str) -> None:
    case.hook.content = json.dumps(DOCUMENT)
    async with case.lend(result={"jsonPath": path}) as client:
        assert await value(client, "a", "text") == wanted


@pytest.mark.parametrize(
    "path", ["$.absent", "$.empty", "$.text.more", "$..absent", "$.list[9]", "$.[", "$.items[?(@.k=='z')].v"]
)
async def test_json_path_that_finds_nothing_is_an_error(case: Case, path: str) -> None:
    case.hook.content = json.dumps({**DOCUMENT, "pw": "canary"})
    async with case.lend(result={"jsonPath": path}) as client:
        with pytest.raises(EsoError) as caught:
            await value(client, "a")
    assert "canary" not in told(caught.value)
    # An answer that looks different today must not empty Secrets.
    assert not isinstance(caught.value, NoSecretError)


async def test_json_path_in_something_else_is_an_error(case: Case) -> None:
    case.hook.content = "canary{"
    async with case.lend(result={"jsonPath": "$.a"}) as client:
        with pytest.raises(ProviderError, match="not JSON") as caught:
            await value(client, "a")
    assert "canary" not in told(caught.value)


# 3. extract / find


@pytest.mark.parametrize(
    ("content", "path", "wanted"),
    [
        ({"a": "x", "b": 1, "c": True, "d": None, "e": ["x", "y"], "f": {"k": [1]}}, "", None),
        ({"in": {"a": "x"}}, "$.in", {"a": "x"}),
        ({"in": '{"a": "x"}'}, "$.in", {"a": "x"}),
    ],
)
async def test_extract(case: Case, content: Any, path: str, wanted: dict[str, str] | None) -> None:
    case.hook.content = json.dumps(content)
    async with case.lend(result={"jsonPath": path} if path else {}) as client:
        found = await mapped(client, "a")
    assert found == (wanted or {"a": "x", "b": "1", "c": "true", "d": "", "e": '["x","y"]', "f": '{"k":[1]}'})


@pytest.mark.parametrize(("content", "path"), [("[1]", ""), ('"canary"', ""), ("canary", ""), ('{"a":[1]}', "$.a")])
async def test_extract_of_no_object_is_an_error(case: Case, content: str, path: str) -> None:
    case.hook.content = content
    async with case.lend(result={"jsonPath": path} if path else {}) as client:
        with pytest.raises(ProviderError) as caught:
            await mapped(client, "a")
    assert "canary" not in told(caught.value)


async def test_find_is_not_implemented(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="not implemented"):
            await client.get_all_secrets(FindRef(name_regexp=".*"))


# 4. PushSecret

PUSH = "/{{ .remoteRef.remoteKey }}"


async def test_push_posts_the_value_also_under_keys_with_dashes(case: Case) -> None:
    async with case.lend(PUSH) as client:
        await client.push_secret(source(k="canary"), entry("my-key", "k"))
        assert case.last[:2] == ("POST", "/my-key")
        assert case.last[3] == "canary"
        await client.push_secret(source(k="<a>", b="x"), entry("whole"))
    assert case.last[3] == '{"b":"x","k":"<a>"}'


async def test_push_by_templates(case: Case) -> None:
    body = '{"{{ .remoteRef.secretKey }}": {{ .remoteRef.target | toJson }}, "in": "{{ .remoteRef.remoteKey }}"}'
    async with case.lend(
        PUSH, body=body, method="PUT", secrets=secrets(), headers={"X-Pw": "{{ .auth.pw }}"}
    ) as client:
        await client.push_secret(source(k='a"b'), entry("target", "k"))
    method, path, headers, sent = case.last
    assert (method, path, headers["X-Pw"]) == ("PUT", "/target", PASSWORD)
    assert json.loads(sent) == {"k": 'a"b', "in": "target"}


async def test_push_needs_a_remote_key_and_an_existing_one(case: Case) -> None:
    async with case.lend(PUSH) as client:
        with pytest.raises(InvalidSpecError, match="remoteKey"):
            await client.push_secret(source(k="v"), entry("", "k"))
        with pytest.raises(ProviderError, match="absent"):
            await client.push_secret(source(k="v"), entry("r", "absent"))
    assert case.hook.tries == 0


@pytest.mark.parametrize(("status", "error"), [(404, NoSecretError), (304, NotModifiedError), (500, UnavailableError)])
async def test_push_failures(case: Case, status: int, error: type[ProviderError]) -> None:
    case.hook.status = status
    async with case.lend(PUSH) as client:
        with pytest.raises(error) as caught:
            await client.push_secret(source(k="canary"), entry("r", "k"))
    assert "canary" not in told(caught.value)


async def test_exists_reads_with_the_remote_key(case: Case) -> None:
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("r"))
        assert case.last[:2] == ("GET", "/v/r")
    async with case.lend(result={"jsonPath": "$.not.there"}) as client:
        assert await client.secret_exists(PushRemoteRef("r"))
    case.hook.status = 404
    async with case.lend() as client:
        assert not await client.secret_exists(PushRemoteRef("r"))
    case.hook.status = 500
    async with case.lend() as client:
        with pytest.raises(UnavailableError):
            await client.secret_exists(PushRemoteRef("r"))


async def test_delete_sends_delete_with_credentials(case: Case) -> None:
    spec = {"secrets": secrets(), "headers": {"X-Pw": "{{ .auth.pw }}"}, "method": "PUT", "body": "not sent"}
    async with case.lend(PUSH, **spec) as client:
        await client.delete_secret(PushRemoteRef("r"))
        method, path, headers, body = case.last
        assert (method, path, headers["X-Pw"], body) == ("DELETE", "/r", PASSWORD, "")
        case.hook.status = 404
        await client.delete_secret(PushRemoteRef("r"))
        case.hook.status = 403
        with pytest.raises(AccessDeniedError):
            await client.delete_secret(PushRemoteRef("r"))


# 5. Capabilities, validation, 6. remote calls


async def test_capabilities_and_static_check(case: Case) -> None:
    assert WebhookProvider.capabilities is Capabilities.READ_WRITE
    assert case.stores.check({"url": "{{ anything"}) == []


async def test_validate_connects(case: Case) -> None:
    async with case.lend() as client:
        assert await client.validate() is ValidationResult.READY
    assert case.hook.tries == 0
    async with case.stores.lend({"url": "http://127.0.0.1:1/"}) as client:
        with pytest.raises(UnavailableError, match=r"127\.0\.0\.1"):
            await client.validate()


async def test_a_templated_host_cannot_be_probed(case: Case) -> None:
    async with case.stores.lend({"url": "https://{{ .auth.host }}/x"}) as client:
        assert await client.validate() is ValidationResult.UNKNOWN


@pytest.mark.parametrize("url", ["", "/path/only", "http:///x", "http://[/"])
async def test_a_url_without_a_host_is_refused(case: Case, url: str) -> None:
    async with case.stores.lend({"url": url}) as client:
        with pytest.raises(InvalidSpecError, match="the URL names none"):
            await client.validate()


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"method": "GET X"}, "method 'GET X'"),
        ({"headers": {"a b": "v"}}, r"headers\[a b\] of the webhook is not the name"),
        ({"headers": {"X": "{{ .remoteRef.property }}"}}, r"headers\[X\] of the webhook has a line break"),
        ({"headers": {"X": '{{ "/4NhbmFyeQ==" | b64dec }}'}}, r"headers\[X\] of the webhook has a line break"),
    ],
)
async def test_what_no_request_can_carry_is_refused_by_name(case: Case, spec: dict[str, Any], text: str) -> None:
    async with case.lend(**spec) as client:
        with pytest.raises(InvalidSpecError, match=text) as caught:
            await value(client, "k", "canary\nInjected: 1")
    assert "canary" not in told(caught.value)
    assert case.hook.tries == 0


async def test_timeout(case: Case) -> None:
    with pytest.raises(InvalidSpecError, match="timeout"):
        async with case.lend(timeout="soon"):
            pass


async def test_consumers_of_a_cluster_store_do_not_share_a_namespace(case: Case) -> None:
    for consumer in ("app", "other"):
        async with case.lend("/{{ .remoteRef.namespace }}", cluster=True, consumer=consumer) as client:
            await value(client, "a")
        assert case.last[1] == f"/{consumer}"
        case.hook.content = '{"app": "for app", "other": "for other"}'
        path = {"jsonPath": "$.{{ .remoteRef.namespace }}"}
        async with case.lend(cluster=True, consumer=consumer, result=path) as client:
            assert await value(client, "a") == f"for {consumer}"


async def test_calls_are_counted_by_outcome(case: Case) -> None:
    case.hook.status = 500
    async with case.lend() as client:
        with pytest.raises(UnavailableError):
            await value(client, "a")
    assert case.stores.counted("Webhook", "HTTPRequest", "error") == 1


@pytest.mark.parametrize(
    "url", ["http://", "no scheme", "ftp://127.0.0.1/canary", "http://127.0.0.1:99999/", "http://[::1/"]
)
async def test_a_url_that_cannot_be_used_is_an_error_of_ours(case: Case, url: str) -> None:
    async with case.stores.lend({"url": url}) as client:
        with pytest.raises(ProviderError) as caught:
            await value(client, "a")
    assert "canary" not in told(caught.value)
