"""No secret value leaves the operator but in the Secrets it writes, whatever fails on the way.

Values and credentials are marked. One operator works through successes and failures at log level debug; then everything it
has emitted is searched: logs, events, statuses, metrics, and the requests to the API server.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import urllib.parse
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import structlog
from aiohttp import web

from eso.cli.logs import configure_logs
from eso.cli.operator import build_operator
from eso.providers.registry import ProviderRegistry
from reconcile.client.client import Client
from reconcile.client.transport import Response, Stream, Transport
from reconcile.metrics import render
from reconcile.testing.eventually import eventually
from reconcile.testing.running import running
from tests.support.canaries import Canaries, sightings
from tests.support.operating import VERSION, Space, bench, settings
from tests.support.telltale import FAILURES, TelltaleProvider
from tests.support.vendors.webhook import Hook, serving_hook

pytestmark = pytest.mark.asyncio(loop_scope="module")

GENERATORS = "generators.external-secrets.io/v1alpha1"
PUSH = "external-secrets.io/v1alpha1/pushsecrets"
canary = Canaries()

# What is emitted


class _Wire:
    """A transport that keeps the requests."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.sent: list[tuple[str, str, bytes]] = []

    @property
    def host(self) -> str:
        return self._inner.host

    async def request(self, method: str, path: str, *, body: bytes | None = None, **options: Any) -> Response:
        self.sent.append((method, f"{path}?{options.get('query') or ''}", body or b""))
        return await self._inner.request(method, path, body=body, **options)

    def stream(self, method: str, path: str, **options: Any) -> AbstractAsyncContextManager[Stream]:
        self.sent.append((method, f"{path}?{options.get('query') or ''}", b""))
        return self._inner.stream(method, path, **options)

    async def close(self) -> None:
        await self._inner.close()


@dataclass
class Emitted:
    """Texts by where they have been found.

    Attributes:
        outcomes: kind and name -> status and message of the Ready condition.
        targets: the data of the Secrets that were written, to know that values have passed through.
    """

    logs: str = ""
    metrics: str = ""
    events: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    targets: str = ""


@contextmanager
def _captured() -> Iterator[io.StringIO]:
    """The log of a process, while the logging of the tests is put aside."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: one.level for name, one in root.manager.loggerDict.items() if isinstance(one, logging.Logger)}
    filters = logging.getLogger("asyncio").filters[:]
    stream = io.StringIO()
    try:
        configure_logs("debug", "iso8601", stream)
        yield stream
    finally:
        structlog.reset_defaults()
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("asyncio").filters[:] = filters
        for name, one in root.manager.loggerDict.items():
            if isinstance(one, logging.Logger):
                one.setLevel(levels.get(name, logging.NOTSET))


# Stores and their failures

ANSWERS: Mapping[str, tuple[int, dict[str, str], str]] = {
    "ok": (200, {}, json.dumps({"v": canary("hook")})),
    "401": (401, {"WWW-Authenticate": f'Basic realm="{canary("realm")}"'}, canary("body401")),
    "403": (403, {}, json.dumps({"error": canary("body403")})),
    "404": (404, {}, canary("body404")),
    "429": (429, {"Retry-After": canary.plain("retry")}, canary("body429")),
    "500": (500, {"X-Debug": canary("debug")}, canary("body500")),
    "302": (302, {"Location": f"http://u:{canary.plain('location')}@127.0.0.1:1/{canary.plain('path')}"}, ""),
    "malformed": (200, {}, f"{{{canary('malformed')}"),
    "number": (200, {"Content-Encoding": "gzip"}, canary("gzip")),
    "charset": (200, {"Content-Type": "text/plain; charset=" + canary.plain("charset")}, canary("charset")),
    "teapot": (418, {"Content-Type": canary.plain("type")}, canary("teapot")),
}


def _webhook(url: str, **more: Any) -> dict[str, Any]:
    return {
        "webhook": {
            "url": url,
            "headers": {"Authorization": "Bearer {{ .auth.token }}", "X-Key": "{{ .auth.key | b64enc }}"},
            "result": {"jsonPath": "$.v"},
            "secrets": [{"name": "auth", "secretRef": {"name": "creds"}}],
            **more,
        }
    }


def _doppler(secret: str) -> dict[str, Any]:
    return {"doppler": {"auth": {"secretRef": {"dopplerToken": {"name": secret, "key": "token"}}}}}


def _kubernetes(url: str, **server: Any) -> dict[str, Any]:
    auth = {"token": {"bearerToken": {"name": "creds", "key": "key"}}}
    return {"kubernetes": {"server": {"url": url, **server}, "auth": auth, "remoteNamespace": "far"}}


def _onepassword(url: str) -> dict[str, Any]:
    token = {"connectTokenSecretRef": {"name": "creds", "key": "key"}}
    return {"onepassword": {"connectHost": url, "vaults": {"v": 1}, "auth": {"secretRef": token}}}


def _infisical(url: str) -> dict[str, Any]:
    login = {"clientId": {"name": "creds", "key": "token"}, "clientSecret": {"name": "creds", "key": "key"}}
    scope = {"projectSlug": "p", "environmentSlug": "e"}
    return {"infisical": {"hostAPI": url, "auth": {"universalAuthCredentials": login}, "secretsScope": scope}}


def _conjur(url: str, **more: Any) -> dict[str, Any]:
    user, key = ({"name": "creds", "key": name} for name in ("key", "token"))
    return {"conjur": {"url": url, "auth": {"apikey": {"account": "a", "userRef": user, "apiKeyRef": key}}, **more}}


def _secretserver(url: str, **login: Any) -> dict[str, Any]:
    return {"secretserver": {"serverURL": url, **login}}


def _login(key: str) -> dict[str, Any]:
    return {"secretRef": {"name": "creds", "key": key}}


VALUES: Mapping[str, str] = {
    "text": canary("text"),
    "object": json.dumps({"a": canary("a"), "b": canary("b"), "n": {"x": [canary("x")]}}),
    "other": json.dumps({"a": canary("other")}),
    "broken": f'{{"a": "{canary("broken")}"',
    "list": json.dumps([canary("list")]),
    "string": json.dumps(canary("string")),
    "null": f"{canary('null')}\0",
    "pem": f"-----BEGIN CERTIFICATE-----\n{canary.plain('pem')}\n-----END CERTIFICATE-----",
    "jwk": json.dumps({"kty": "RSA", "n": canary.plain("jwk"), "d": canary.plain("jwkd")}),
}
TEMPLATES: Mapping[str, str] = {
    "missing key": "{{ .none.deeper.still }}",
    "field of text": "{{ .v.field }}",
    "range over a scalar": "{{ range .v }}{{ . }}{{ end }}",
    "range over a number": "{{ range 1.5 }}{{ .v }}{{ end }}",
    "fail": "{{ fail .v }}",
    "fail upper": "{{ fail (.v | upper) }}",
    "fail b64enc": "{{ fail (.v | b64enc) }}",
    "fail printf": '{{ fail (printf "bad %s" .v) }}',
    "atoi": "{{ atoi .v | mustRegexFind .v }}",
    "b64dec": "{{ index (b64dec .v | fromJson) .v }}",
    "b64decMap": "{{ b64decMap .v }}",
    "fromJson": "{{ .v | mustFromJson }}",
    "fromJson field": "{{ (.v | fromJson).a.b }}",
    "index": "{{ index .v .v }}",
    "index of a map": '{{ index (dict "a" .v) .v .v }}',
    "slice": "{{ slice .v 1 900 }}",
    "call": "{{ call .v }}",
    "regex": '{{ mustRegexMatch (printf "(%s" .v) .v }}',
    "date": "{{ mustToDate .v .v }}",
    "duration": "{{ mustDateModify .v now }}",
    "pkcs12": "{{ pkcs12cert .v }}",
    "pkcs12 with password": "{{ pkcs12keyPass .v .v }}",
    "pem": "{{ filterPEM .v .v }}",
    "jwk": "{{ jwkPublicKeyPem .v }}",
    "private jwk": "{{ jwkPrivateKeyPem .v }}",
    "jks": "{{ jks .v }}",
    "rsa": "{{ rsaDecrypt .v .v .v }}",
    "compare": "{{ if lt .v 3 }}x{{ end }}",
    "arguments": "{{ repeat .v .v }}",
    "divide": "{{ div 1 (atoi .v) }}",
    "template": "{{ template .v }}",
    "unclosed": "{{ .v",
    "unknown function": "{{ .v | nothing }}",
    "url": '{{ urlParse (printf "http://[%s" .v) }}',
    "semver": "{{ semver .v }}",
    "cert": "{{ genSignedCert .v nil nil 1 .v }}",
    "include": "{{ include .v . }}",
    "required": "{{ required .v .none }}",
    "set": "{{ set .v .v .v }}",
    "first": "{{ mustFirst .v }}",
    "decrypt": "{{ decryptAES .v .v }}",
}


def _slug(text: str) -> str:
    return text.lower().replace(" ", "-")


def _read(key: str, store: str = "plain", **ref: Any) -> dict[str, Any]:
    return {
        "data": [{"secretKey": "v", "remoteRef": {"key": key, **ref}}],
        "secretStoreRef": {"name": store, "kind": "SecretStore"},
    }


def _all(*entries: dict[str, Any], store: str = "plain") -> dict[str, Any]:
    return {"dataFrom": list(entries), "secretStoreRef": {"name": store, "kind": "SecretStore"}}


def _template(text: str, **more: Any) -> dict[str, Any]:
    return {**_read("text"), "target": {"template": {"engineVersion": "v2", "data": {"k": text}, **more}}}


def _generator(kind: str, name: str) -> dict[str, Any]:
    return {"sourceRef": {"generatorRef": {"apiVersion": GENERATORS, "kind": kind, "name": name}}}


def _successes() -> dict[str, dict[str, Any]]:
    return {
        "works": _read("text"),
        "works-property": _read("object", property="n.x.0"),
        "works-all": _all({"extract": {"key": "object"}}, {"find": {"name": {"regexp": "^(text|other)$"}}}),
        "works-template": _template("{{ .v | b64enc | toString }} {{ .v | urlquery }}"),
        "works-hook": _read("ok", "hook"),
        "works-logged": _read("logged", "sdk"),
        "works-orphan": _read("orphan", "sdk"),
        "works-generated": _all(_generator("Fake", "made")),
    }


def _failing() -> dict[str, dict[str, Any]]:
    return {
        "property-missing": _read("object", property="none.at.all"),
        "property-text": _read("text", property="a"),
        "extract-text": _all({"extract": {"key": "text"}}),
        "extract-broken": _all({"extract": {"key": "broken"}}),
        "extract-list": _all({"extract": {"key": "list"}}),
        "extract-string": _all({"extract": {"key": "string"}}),
        "decoding": _read("text", decodingStrategy="Base64"),
        "decoding-url": _read("text", decodingStrategy="Base64URL"),
        "decoding-all": _all({"extract": {"key": "object", "decodingStrategy": "Base64"}}),
        "null": _read("null", nullBytePolicy="Fail"),
        "odd-keys": _all(
            {"extract": {"key": "object"}, "rewrite": [{"regexp": {"source": "(.+)", "target": "not a/key $1"}}]}
        ),
        "merge-conflict": _all(
            {"find": {"name": {"regexp": "^(object|other)$"}}, "rewrite": [{"merge": {"conflictPolicy": "Error"}}]}
        ),
        "merge-text": _all({"find": {"name": {"regexp": "^(text|other)$"}}, "rewrite": [{"merge": {}}]}),
        "rewrite-template": _all(
            {"extract": {"key": "object"}, "rewrite": [{"transform": {"template": "{{ .value.x.y }}"}}]}
        ),
        "rewrite-regexp": _all({"extract": {"key": "object"}, "rewrite": [{"regexp": {"source": "(", "target": "x"}}]}),
        "no-key": _read("nothing"),
        "no-store": _read("text", "nowhere"),
        "login": _read("value", "sdk-login"),
        "generator-401": _all(_generator("Webhook", "hook-401")),
        "generator-500": _all(_generator("Webhook", "hook-500")),
        "generator-malformed": _all(_generator("Webhook", "hook-malformed")),
        "template-type": _template("{{ .v }}", type="kubernetes.io/dockerconfigjson"),
        **{f"template-{_slug(name)}": _template(text) for name, text in TEMPLATES.items()},
        **{f"hook-{name}": _read(name, "hook") for name in ANSWERS if name not in ("ok", "charset")},
        **{f"{store}-read": _read("far", store) for store in BAD_STORES},
        **{f"sdk-{how}": _read(how, "sdk") for how in FAILURES},
        **{f"sdk-map-{how}": _all({"extract": {"key": how}}, store="sdk") for how in ("value", "grouped")},
    }


BAD_STORES = (
    "hook-refused",
    "hook-url",
    "hook-ca",
    "hook-tls",
    "hook-header",
    "hook-body",
    "kube-403",
    "kube-down",
    "connect-403",
    "connect-down",
    "infisical-403",
    "conjur-403",
    "conjur-wrong",
    "delinea-403",
    "delinea-token",
)


def _pushes() -> dict[str, tuple[str, str, Any]]:
    """Name -> store, remote key, template."""
    return {
        **{f"push-sdk-{how}": ("sdk", how, None) for how in ("value", "grouped", "chained", "noted", "model")},
        **{f"push-hook-{name}": ("hook", name, None) for name in ("401", "429", "500", "teapot")},
        **{f"push-{store}": (store, "far", None) for store in BAD_STORES if store != "hook-body"},
        "push-login": ("sdk-login", "value", None),
        "push-template": ("sdk", "value", {"engineVersion": "v2", "data": {"v": "{{ fail .v }}"}}),
    }


class _Answering(Hook):
    """Answers by the last part of the path, and echoes the credentials of the request where it fails."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        status, headers, content = ANSWERS.get(request.path.rpartition("/")[2], ANSWERS["403"])
        echo = "" if status == 200 else f" {dict(request.headers)} {await request.text()}"
        return web.Response(status=status, headers=headers, body=(content + echo).encode())


async def _settle(space: Space, names: Sequence[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """Wait until every object tells how it went."""
    outcomes: dict[str, tuple[str, str]] = {}

    async def check() -> dict[str, tuple[str, str]]:
        for resource in {resource for resource, _ in names}:
            for one in (await space.request("GET", resource))["items"]:
                for condition in one.get("status", {}).get("conditions") or []:
                    if condition["type"] == "Ready":
                        outcomes[one["metadata"]["name"]] = condition["status"], condition.get("message", "")
        missing = [name for _, name in names if name not in outcomes]
        assert not missing, missing
        return outcomes

    return await eventually(check, timeout=20)


async def _prepare(space: Space, hook: Hook, tls: Hook) -> None:
    label = {"labels": {"external-secrets.io/type": "webhook"}}
    await space.create_secret("creds", metadata=label, token=canary("token"), key=canary.plain("key"))
    await space.create_secret("sdk", token=canary("sdk"))
    await space.create_secret("sdk-login", token=canary("login"))
    await space.create_secret("source", v=canary("pushed"), w=canary("whole"))
    await space.store("plain", None, **VALUES)
    wrong = base64.b64encode(canary("ca").encode()).decode()
    stores = {
        "hook": _webhook(hook.url + "/{{ .remoteRef.remoteKey }}{{ .remoteRef.key }}", method="POST"),
        "hook-refused": _webhook(
            "http://user:{{ .auth.key }}@127.0.0.1:1/{{ .auth.key }}?t={{ .auth.token | urlquery }}"
        ),
        "hook-url": _webhook("http://{{ .auth.token }}:{{ .auth.key }}/"),
        "hook-ca": _webhook("https://127.0.0.1:1/{{ .auth.key }}", caBundle=wrong),
        "hook-tls": _webhook(tls.url + "/{{ .auth.key }}"),
        "hook-header": _webhook(hook.url, headers={"X-Bad": "{{ .auth.token }}\n{{ .auth.key }}"}),
        "hook-body": _webhook(hook.url, body="{{ fail .auth.token }}"),
        "kube-403": _kubernetes(hook.url),
        "kube-down": _kubernetes("http://127.0.0.1:1", caBundle=wrong),
        "connect-403": _onepassword(hook.url),
        "connect-down": _onepassword("http://127.0.0.1:1"),
        "infisical-403": _infisical(hook.url),
        "conjur-403": _conjur(hook.url),
        "conjur-wrong": _conjur("http://127.0.0.1:1", caBundle=wrong),
        "delinea-403": _secretserver(hook.url, username=_login("key"), password=_login("token")),
        "delinea-token": _secretserver(hook.url, token=_login("token")),
        "sdk": _doppler("sdk"),
        "sdk-login": _doppler("sdk-login"),
    }
    for name, provider in stores.items():
        await space.store(name, {"provider": provider})
    for name in ("401", "500", "malformed"):
        spec = {**_webhook(f"{hook.url}/{name}")["webhook"], "method": "POST"}
        spec["secrets"] = [{"name": "auth", "secretRef": {"name": "creds", "key": "token"}}]
        await _create(space, f"{GENERATORS}/webhooks", "Webhook", f"hook-{name}", spec)
    await _create(space, f"{GENERATORS}/fakes", "Fake", "made", {"data": {"g": canary("generated")}})


async def _create(space: Space, resource: str, kind: str, name: str, spec: Mapping[str, Any]) -> None:
    version = resource.rpartition("/")[0]
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": spec}
    await space.request("POST", resource, body=body)


async def _drive(space: Space) -> dict[str, tuple[str, str]]:
    specs = {**_successes(), **_failing()}
    for name, spec in specs.items():
        await space.external_secret(name, **{"refreshInterval": "1h", **spec})
    for name, (store, remote, template) in _pushes().items():
        spec = {
            "secretStoreRefs": [{"name": store, "kind": "SecretStore"}],
            "selector": {"secret": {"name": "source"}},
            "deletionPolicy": "Delete",
            "data": [{"match": {"secretKey": "v", "remoteRef": {"remoteKey": remote}}}],
            **({"template": template} if template else {}),
        }
        await _create(space, PUSH, "PushSecret", name, spec)
    names = [(f"{VERSION}/externalsecrets", name) for name in specs] + [(PUSH, name) for name in _pushes()]
    return await _settle(space, names)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def emitted() -> AsyncIterator[Emitted]:
    """Everything that the operator has said in one busy life."""
    found = Emitted()
    async with bench() as made, serving_hook(_Answering()) as hook, serving_hook(_Answering(), tls=True) as tls:
        space = await made.space()
        await _prepare(space, hook, tls)
        registry = ProviderRegistry()
        registry.add(TelltaleProvider(canary), force=True)
        wire = _Wire(made.server.transport)
        with _captured() as stream:
            manager = build_operator(Client(wire), settings(), registry=registry, handle_signals=False)
            async with running(manager):
                found.outcomes = await _drive(space)
                found.metrics = render(manager.registry).decode()
                # Deletion runs the failing finalizers too.
                await space.request("DELETE", PUSH)
                await space.request("DELETE", f"{VERSION}/externalsecrets", "works")
                await asyncio.sleep(0.1)
        found.logs = stream.getvalue()
        for resource in made.server.storage.resources():
            for one in made.server.storage.listed(resource):
                _keep(found, resource, one.fresh())
        found.requests = [f"{method} {path} {_without_secrets(path, body)}" for method, path, body in wire.sent]
    yield found


def _keep(found: Emitted, resource: str, one: dict[str, Any]) -> None:
    if resource.startswith("events"):
        found.events.append(json.dumps(one))
    elif resource == "secrets":
        found.targets += json.dumps(one.get("data"))
    # The specs are the user's own.
    found.objects.append(json.dumps({"metadata": one["metadata"], "status": one.get("status")}))


def _without_secrets(path: str, body: bytes) -> str:
    if "/secrets" not in path or not body:
        return body.decode()
    whole = json.loads(body)
    if isinstance(whole, dict):
        whole.pop("data", None)
        whole.pop("stringData", None)
    return json.dumps(whole)


async def test_values_have_passed_through(emitted: Emitted) -> None:
    assert sightings(emitted.targets)
    failed = {name for name in _successes() if emitted.outcomes[name][0] != "True"}
    assert not failed, {name: emitted.outcomes[name] for name in failed}


async def test_every_failure_has_happened(emitted: Emitted) -> None:
    names = [*_failing(), *_pushes()]
    passed = {name for name in names if emitted.outcomes[name][0] != "False"}
    assert not passed


async def test_unknown_failures_are_named_in_the_log(emitted: Emitted) -> None:
    assert "vendor.sdk" in emitted.logs
    assert '"exc_type": "ExceptionGroup"' in emitted.logs
    assert "Task exception was never retrieved" in emitted.logs


@pytest.mark.parametrize("where", ["logs", "metrics", "events", "objects", "requests"])
async def test_nothing_leaks(emitted: Emitted, where: str) -> None:
    said = getattr(emitted, where)
    assert said
    text = said if isinstance(said, str) else "\n".join(said)
    assert sightings(text)[:20] == []


async def test_nothing_leaks_into_conditions(emitted: Emitted) -> None:
    leaks = {name: message for name, (_, message) in emitted.outcomes.items() if sightings(message)}
    assert not leaks


@pytest.mark.parametrize(
    "encode",
    [
        str,
        str.upper,
        urllib.parse.quote,
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(b"u:" + text.encode()).decode(),
        lambda text: base64.b64encode(b"x" + base64.b64encode(text.encode())).decode(),
        lambda text: base64.b32encode(text.encode()).decode(),
    ],
)
async def test_the_search_finds_a_value_in_every_form(encode: Callable[[str], str]) -> None:
    assert sightings(f"before {encode(canary('control'))} after")
    assert not sightings(f"before {encode('something else')} after")
