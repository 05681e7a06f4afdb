"""What only the embedded server has: durable files, restarts, faults, users of a test's own."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from reconcile.client.config import Config
from reconcile.client.http import HttpTransport
from reconcile.client.transport import Transport
from reconcile.errors import TransportError
from reconcile.testing.apiserver import ApiRequest, ApiServer, Faults, User
from reconcile.testing.apiserver.certificates import serving_context
from reconcile.testing.eventually import eventually
from tests.integration.apiserver.conftest import CRDS, SECRETS, Api, crd
from tests.support.loopback import serving

GROUP = "example.com"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/{{ns}}/widgets"


class WebhookServer:
    """A mutating webhook over TLS that labels everything and denies one name."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.url = ""
        self.ca = b""

    async def answer(self, request: web.Request) -> web.Response:
        asked = (await request.json())["request"]
        self.requests.append(asked)
        response: dict[str, Any] = {"uid": asked["uid"], "allowed": asked["name"] != "denied"}
        if not response["allowed"]:
            response["status"] = {"code": 403, "message": "not this one"}
        elif asked["operation"] == "CREATE":
            patch = json.dumps([{"op": "add", "path": "/metadata/labels", "value": {"seen": "yes"}}])
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(patch.encode()).decode()}
        return web.json_response({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})


@pytest.fixture
async def tls_webhook() -> AsyncIterator[WebhookServer]:
    webhook = WebhookServer()
    context, webhook.ca = serving_context()
    application = web.Application()
    application.router.add_post("/mutate", webhook.answer)
    async with serving(application, context) as url:
        webhook.url = f"{url}/mutate"
        yield webhook


def api_of(transport: Transport, namespace: str = "default") -> Api:
    return Api(transport, namespace, real=False)


async def test_durable_file_keeps_everything(tmp_path: Path) -> None:
    path = str(tmp_path / "cluster.db")
    async with ApiServer(path) as server:
        api = api_of(server.transport)
        made = await api.secret("a", data={"k": "dg=="})
        await api.secret("b")
        await api.ok("DELETE", SECRETS + "/b")
        await api.ok("POST", CRDS, crd(GROUP))
        await api.ok(
            "POST",
            WIDGETS,
            {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"color": "red"}},
        )
        token = (await api.ok("POST", "/api/v1/namespaces/{ns}/serviceaccounts/default/token", {"spec": {}}))["status"][
            "token"
        ]
        version = (await api.ok("GET", SECRETS))["metadata"]["resourceVersion"]
    assert stat.S_IMODE((await asyncio.to_thread(Path(path).stat)).st_mode) == 0o600
    async with ApiServer(path, listen=False) as server:
        api = api_of(server.transport)
        listed = await api.ok("GET", SECRETS)
        assert [item["metadata"]["name"] for item in listed["items"]] == ["a"]
        assert listed["items"][0]["metadata"] == made["metadata"]
        assert int(listed["metadata"]["resourceVersion"]) >= int(version)
        assert (await api.ok("GET", WIDGETS + "/w"))["spec"]["color"] == "red"
        review = await api.ok("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
        assert review["status"]["authenticated"] is True
        after = await api.secret("c")
        assert int(after["metadata"]["resourceVersion"]) > int(version)
        async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            assert (await events.next())[0] == "ERROR"


async def test_concurrent_writes_are_all_durable(tmp_path: Path) -> None:
    path = str(tmp_path / "cluster.db")
    async with ApiServer(path, listen=False) as server:
        api = api_of(server.transport)
        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(api.secret(f"s{number}"))
    async with ApiServer(path, listen=False) as server:
        assert len((await api_of(server.transport).ok("GET", SECRETS))["items"]) == 100


async def test_restart_keeps_objects_port_and_history() -> None:
    async with ApiServer() as server:
        transport = HttpTransport(server.config)
        api = api_of(transport)
        made = await api.secret("a")
        url = server.url
        async with api.watch(SECRETS) as events:
            assert await events.names(1) == [("ADDED", "a")]
            await server.restart()
            with pytest.raises((StopAsyncIteration, TransportError)):
                await events.next()
        assert server.url == url
        await api.secret("b")
        async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            assert await events.names(1) == [("ADDED", "b")]
        await server.restart(keep_history=False)
        async with api.watch(SECRETS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            assert (await events.next())[0] == "ERROR"
        await transport.close()


async def test_stop_leaves_no_task_behind() -> None:
    before = asyncio.all_tasks()
    async with ApiServer() as server:
        transport = HttpTransport(server.config)
        async with api_of(transport).watch(SECRETS):
            assert len(asyncio.all_tasks()) > len(before)
        await transport.close()
    await eventually(lambda: asyncio.all_tasks() == before)


async def test_watch_ends_when_its_client_leaves() -> None:
    async with ApiServer() as server:
        transport = HttpTransport(server.config)
        async with api_of(transport).watch(SECRETS):
            await eventually(lambda: server.storage.watchers("secrets") == 1)
        await transport.close()
        await eventually(lambda: server.storage.watchers("secrets") == 0)


def is_create(request: ApiRequest) -> bool:
    return request.method == "POST"


@pytest.mark.parametrize("door", ["in-process", "http"])
@pytest.mark.parametrize(
    ("options", "code", "reason"),
    [
        ({"status": 429, "retry_after": 1.0}, 429, "TooManyRequests"),
        ({"status": 500}, 500, "InternalError"),
        ({"status": 410, "message": "too old"}, 410, "Expired"),
        ({"delay": 0.02}, 201, None),
    ],
)
async def test_faults_that_answer(door: str, options: dict[str, Any], code: int, reason: str | None) -> None:
    faults = Faults()
    async with ApiServer(faults=faults) as server:
        transport: Transport = server.transport if door == "in-process" else HttpTransport(server.config)
        fault = faults.add(is_create, times=1, **options)
        status, answer = await api_of(transport)("POST", SECRETS, {"metadata": {"name": "a"}})
        assert (status, answer.get("reason")) == (code, reason)
        assert fault.hits == 1
        status, _ = await api_of(transport)("POST", SECRETS, {"metadata": {"name": "b"}})
        assert status == 201
        await transport.close()


@pytest.mark.parametrize("door", ["in-process", "http"])
@pytest.mark.parametrize(("option", "stored"), [("reset", False), ("reset_after", True)])
async def test_faults_that_cut_the_connection(door: str, option: str, stored: bool) -> None:
    async with ApiServer() as server:
        transport: Transport = server.transport if door == "in-process" else HttpTransport(server.config)
        server.faults.add(is_create, **{option: True})
        with pytest.raises(TransportError):
            await api_of(transport)("POST", SECRETS, {"metadata": {"name": "a"}})
        assert (server.storage.get("secrets", "default", "a") is not None) is stored
        await transport.close()


@pytest.mark.parametrize("door", ["in-process", "http"])
async def test_fault_that_drops_a_watch_in_the_middle_of_a_line(door: str) -> None:
    async with ApiServer() as server:
        transport: Transport = server.transport if door == "in-process" else HttpTransport(server.config)
        api = api_of(transport)
        await api.secret("a")
        server.faults.add(lambda request: request.flag("watch"), times=1, drop_after=40)
        with pytest.raises(TransportError):
            async with api.watch(SECRETS) as events:
                await events.next()
        async with api.watch(SECRETS) as events:
            assert await events.names(1) == [("ADDED", "a")]
        await transport.close()


async def test_fault_that_hangs_until_the_client_gives_up() -> None:
    async with ApiServer() as server:
        server.faults.add(is_create, hang=True)
        for transport in (server.transport, HttpTransport(server.config)):
            with pytest.raises(TransportError):
                await transport.request("POST", "/api/v1/namespaces/default/secrets", body=b"{}", timeout=0.05)
            await transport.close()


async def test_tokens_and_tls() -> None:
    async with ApiServer(tokens={"t1": "admin", "t2": "jane"}) as server:
        assert server.url.startswith("https://")
        for token, code in (("t1", 200), ("t2", 200), ("t3", 401), ("", 401)):
            transport = HttpTransport(Config(server=server.url, ca_data=server.ca, token=token))
            status, answer = await api_of(transport)("GET", SECRETS)
            assert status == code
            if code == 401:
                assert answer["message"] == "Unauthorized"
            await transport.close()


async def test_rbac() -> None:
    async with ApiServer(tokens={"root": "admin", "jane": User("jane")}, rbac=True, listen=False) as server:
        admin, jane = api_of(server.transport), api_of(server.transport_for("jane"))
        status, answer = await jane("GET", SECRETS + "/a")
        assert (status, answer["reason"]) == (403, "Forbidden")
        assert answer["message"] == (
            'secrets "a" is forbidden: User "jane" cannot get resource "secrets" in API group "" in the namespace "default"'
        )
        rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/{ns}/"
        rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"]}
        await admin.ok("POST", rbac + "roles", {"metadata": {"name": "r"}, "rules": [rule]})
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"}
        subjects = [
            {"kind": "User", "name": "jane"},
            {"kind": "ServiceAccount", "name": "default", "namespace": "default"},
        ]
        await admin.ok(
            "POST", rbac + "rolebindings", {"metadata": {"name": "b"}, "roleRef": reference, "subjects": subjects}
        )
        await jane.secret("a")
        assert (await jane("DELETE", SECRETS + "/a"))[0] == 403
        path = "/api/v1/namespaces/{ns}/serviceaccounts/default/token"
        token = (await admin.ok("POST", path, {"spec": {}}))["status"]["token"]
        robot = api_of(server.transport_for(token))
        assert (await robot("GET", SECRETS + "/a"))[0] == 200
        assert (await robot("GET", SECRETS))[0] == 403
        anonymous = api_of(server.transport_for(""))
        assert (await anonymous("GET", SECRETS))[1]["message"].startswith(
            'secrets is forbidden: User "system:anonymous"'
        )


async def test_tokens_end_with_the_clock_and_verify_by_the_published_keys() -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)

    def clock() -> datetime:
        return now

    async with ApiServer(clock=clock) as server:
        api = api_of(server.transport)
        path = "/api/v1/namespaces/{ns}/serviceaccounts/default/token"
        token = (await api.ok("POST", path, {"spec": {"expirationSeconds": 600}}))["status"]["token"]
        document = await api.ok("GET", "/.well-known/openid-configuration")
        assert document["issuer"] == server.url
        keys = await api.ok("GET", document["jwks_uri"].removeprefix(server.url))
        _verify(token, keys["keys"][0])
        review = "/apis/authentication.k8s.io/v1/tokenreviews"
        assert (await api.ok("POST", review, {"spec": {"token": token}}))["status"]["authenticated"]
        now += timedelta(seconds=601)
        assert not (await api.ok("POST", review, {"spec": {"token": token}}))["status"]["authenticated"]


def _verify(token: str, key: dict[str, str]) -> None:
    def number(text: str) -> int:
        return int.from_bytes(raw(text), "big")

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    public = ec.EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), ec.SECP256R1()).public_key()
    signed, _, signature = token.rpartition(".")
    r, s = raw(signature)[:32], raw(signature)[32:]
    rs = (int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    public.verify(encode_dss_signature(*rs), signed.encode(), ec.ECDSA(SHA256()))


async def test_watch_ends_with_its_definition() -> None:
    async with ApiServer(listen=False) as server:
        api = api_of(server.transport)
        await api.ok("POST", CRDS, crd(GROUP))
        async with api.watch(WIDGETS) as events:
            await api.ok("DELETE", CRDS + f"/widgets.{GROUP}")
            with pytest.raises(StopAsyncIteration):
                await events.next()


@pytest.mark.filterwarnings("ignore:Sending a large body directly")
async def test_body_that_is_too_large() -> None:
    async with ApiServer() as server:
        transport = HttpTransport(server.config)
        status, answer = await api_of(transport)("POST", SECRETS, b" " * (3 * 1024 * 1024 + 1))
        assert (status, answer["reason"]) == (413, "RequestEntityTooLarge")
        await transport.close()


async def test_admission_webhook(tls_webhook: WebhookServer) -> None:
    async with ApiServer(listen=False) as server:
        api = api_of(server.transport)
        rule = {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["secrets"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
        }
        webhook = {
            "name": "w.example.com",
            "clientConfig": {"url": tls_webhook.url, "caBundle": base64.b64encode(tls_webhook.ca).decode()},
            "rules": [rule],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }
        path = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
        await api.ok("POST", path, {"metadata": {"name": "m"}, "webhooks": [webhook]})
        made = await api.secret("a")
        assert made["metadata"]["labels"] == {"seen": "yes"}
        status, answer = await api("POST", SECRETS, {"metadata": {"name": "denied"}})
        assert (status, answer["message"]) == (
            403,
            'admission webhook "w.example.com" denied the request: not this one',
        )
        await api.ok("DELETE", SECRETS + "/a")
        assert [(review["operation"], review["name"]) for review in tls_webhook.requests] == [
            ("CREATE", "a"),
            ("CREATE", "denied"),
            ("DELETE", "a"),
        ]


async def test_events_in_both_groups() -> None:
    async with ApiServer(listen=False) as server:
        api = api_of(server.transport)
        target = {"kind": "Secret", "namespace": "default", "name": "a"}
        body = {"metadata": {"name": "e"}, "involvedObject": target, "reason": "R", "message": "m", "type": "Normal"}
        await api.ok("POST", "/api/v1/namespaces/{ns}/events", body)
        new = await api.ok("GET", "/apis/events.k8s.io/v1/namespaces/{ns}/events/e")
        assert (new["apiVersion"], new["note"], new["regarding"]["name"]) == ("events.k8s.io/v1", "m", "a")
        listed = await api.ok("GET", "/api/v1/namespaces/{ns}/events", fieldSelector="involvedObject.name=a")
        assert len(listed["items"]) == 1


@pytest.mark.parametrize("change", [json.dumps, lambda value: json.dumps(value, indent=2)], ids=["compact", "indented"])
async def test_concurrent_patches_do_not_lose_each_other(change: Callable[[Any], str]) -> None:
    async with ApiServer(listen=False) as server:
        api = api_of(server.transport)
        await api.secret("a")

        async def add(number: int) -> None:
            patch = change({"data": {f"k{number}": "dg=="}}).encode()
            await api.ok("PATCH", SECRETS + "/a", patch, content_type="application/merge-patch+json")

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(add(number))
        assert len((await api.ok("GET", SECRETS + "/a"))["data"]) == 50
