"""Signing in to a real Vault by each method that its modules offer, and to servers of Google's and Amazon's protocols."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from eso.api.vault_v1 import VaultGCPAuth
from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, ReferenceNotFoundError
from eso.identity.gcp import GoogleEndpoints
from eso.identity.vault.adapter import VaultAdapter
from eso.identity.vault.gcp import gcp_login
from eso.providers.base import RemoteRef, ValidationResult
from reconcile.api.core_v1 import Secret, ServiceAccount
from reconcile.api.meta_v1 import ObjectMeta
from tests.integration.eso.providers.vault.conftest import Engine, Stores
from tests.support.keypairs import key_pair
from tests.support.loopback import serving
from tests.support.vendors.aws import moto_server
from tests.support.vendors.vault import FakeVault

ISSUER = "https://issuer.example"


@pytest.fixture
def readable(engine: Engine) -> Engine:
    """A secret, and a policy `reader` that may read it."""
    engine.put("k", {"n": "value"})
    engine.vault.policy("reader", **{f"{engine.v2}__STAR": ["read", "list"]})
    return engine


class Sent:
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {}

    async def request(self, method: str, path: str, what: str, *, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.body = body
        return {}


async def check(stores: Stores, spec: dict[str, Any], *, logins: int = 1, call: str = "Login") -> None:
    """The store works, with so many logins, and leaves no token behind."""
    store = stores.store(spec)
    for _ in range(3):
        async with stores.manager.client_for(store, "app") as client:
            assert (await client.get_secret(RemoteRef("k", "n"))).reveal() == b"value"
            assert await client.validate() is ValidationResult.READY
    assert stores.counted(call) == logins
    await stores.manager.forget("SecretStore", "app", "store")
    assert stores.counted("RevokeSelf") == logins


@pytest.fixture
async def approle(readable: Engine, stores: Stores) -> dict[str, Any]:
    """Settings of a role of its own, mounted somewhere else than usual."""
    mount = f"roles-{readable.v2}"
    readable.vault.enable("approle", mount)
    readable.vault.call("POST", f"auth/{mount}/role/app", {"token_policies": ["reader"]})
    role = readable.vault.call("GET", f"auth/{mount}/role/app/role-id")["data"]["role_id"]
    secret = readable.vault.call("POST", f"auth/{mount}/role/app/secret-id")["data"]["secret_id"]
    await stores.secret("approle", role=role, id=secret, bad="nonsense")
    return {"path": mount, "roleId": f" {role}\n", "secretRef": {"name": "approle", "key": "id"}}


async def test_token(stores: Stores, readable: Engine) -> None:
    await check(stores, readable.spec(), logins=0)
    assert readable.vault.call("GET", "auth/token/lookup-self")["data"]["ttl"] == 0


async def test_approle(stores: Stores, readable: Engine, approle: dict[str, Any]) -> None:
    await check(stores, readable.spec(auth={"appRole": approle}))


async def test_approle_with_role_ref(stores: Stores, readable: Engine, approle: dict[str, Any]) -> None:
    del approle["roleId"]
    await check(stores, readable.spec(auth={"appRole": {**approle, "roleRef": {"name": "approle", "key": "role"}}}))


async def test_refused_credentials(stores: Stores, readable: Engine, approle: dict[str, Any]) -> None:
    spec = readable.spec(auth={"appRole": {**approle, "secretRef": {"name": "approle", "key": "bad"}}})
    with pytest.raises(AccessDeniedError, match="credentials or the role were refused"):
        await check(stores, spec)
    assert stores.counted("Login", "error") == 1


async def test_no_such_method(stores: Stores, readable: Engine, approle: dict[str, Any]) -> None:
    with pytest.raises((InvalidRequestError, AccessDeniedError)):
        await check(stores, readable.spec(auth={"appRole": {**approle, "path": "nowhere"}}))


@pytest.mark.parametrize(
    ("ref", "text"), [({"name": "none", "key": "id"}, '"none"'), ({"name": "approle", "key": "none"}, '"none"')]
)
async def test_missing_references(
    stores: Stores, readable: Engine, approle: dict[str, Any], ref: dict[str, str], text: str
) -> None:
    with pytest.raises(ReferenceNotFoundError, match=text):
        await check(stores, readable.spec(auth={"appRole": {**approle, "secretRef": ref}}))


async def test_user_pass(stores: Stores, readable: Engine) -> None:
    readable.vault.enable("userpass", f"users-{readable.v2}")
    user = {"password": "pass", "token_policies": ["reader"]}
    readable.vault.call("POST", f"auth/users-{readable.v2}/users/me", user)
    await stores.secret("user", password="pass")
    settings = {"path": f"users-{readable.v2}", "username": " me ", "secretRef": {"name": "user", "key": "password"}}
    await check(stores, readable.spec(auth={"userPass": settings}))


async def test_cert(stores: Stores, readable: Engine) -> None:
    certificate, key = (part.decode() for part in key_pair())
    readable.vault.enable("cert", f"certs-{readable.v2}")
    trusted = {"certificate": certificate, "token_policies": ["reader"]}
    readable.vault.call("POST", f"auth/certs-{readable.v2}/certs/operator", trusted)
    await stores.secret("cert", tls__crt=certificate, tls__key=key)
    settings = {
        "path": f"certs-{readable.v2}",
        "vaultRole": "operator",
        "clientCert": {"name": "cert", "key": "tls.crt"},
        "secretRef": {"name": "cert", "key": "tls.key"},
    }
    ca = base64.b64encode(certificate.encode()).decode()
    spec = readable.spec(server=readable.vault.tls_url, caBundle=ca, auth={"cert": settings})
    await check(stores, spec)


async def test_tls_with_a_ca_and_client_certificates(stores: Stores, readable: Engine) -> None:
    certificate, key = (part.decode() for part in key_pair())
    await stores.secret("pair", tls__crt=certificate, tls__key=key)
    ca = base64.b64encode(certificate.encode()).decode()
    tls = {"certSecretRef": {"name": "pair"}, "keySecretRef": {"name": "pair"}}
    await check(stores, readable.spec(server=readable.vault.tls_url, caBundle=ca, tls=tls), logins=0)


async def test_a_wrong_ca_is_said_so(stores: Stores, readable: Engine) -> None:
    with pytest.raises(EsoError, match="caBundle or caProvider"):
        await check(stores, readable.spec(server=readable.vault.tls_url), logins=0)


async def _reviewing(stores: Stores, readable: Engine) -> str:
    mount = f"cluster-{readable.v2}"
    readable.vault.enable("kubernetes", mount)
    config = {
        "kubernetes_host": stores.server.url,
        "kubernetes_ca_cert": stores.server.ca.decode(),
        "token_reviewer_jwt": "admin-token",
    }
    readable.vault.call("POST", f"auth/{mount}/config", config)
    role = {
        "bound_service_account_names": "account",
        "bound_service_account_namespaces": "app",
        "token_policies": ["reader"],
    }
    readable.vault.call("POST", f"auth/{mount}/role/app", role)
    return mount


async def test_kubernetes(stores: Stores, readable: Engine) -> None:
    mount = await _reviewing(stores, readable)
    settings = {"mountPath": mount, "role": "app", "serviceAccountRef": {"name": "account"}}
    await check(stores, readable.spec(auth={"kubernetes": settings}))


async def test_kubernetes_with_a_token_in_a_secret(stores: Stores, readable: Engine) -> None:
    mount = await _reviewing(stores, readable)
    token = await stores.kube.request_token("app", "account", [], 600)
    await stores.secret("jwt", token=token.token)
    await check(
        stores,
        readable.spec(auth={"kubernetes": {"mountPath": mount, "role": "app", "secretRef": {"name": "jwt"}}}),
    )


async def test_kubernetes_refuses_another_account(stores: Stores, readable: Engine) -> None:
    mount = await _reviewing(stores, readable)
    await stores.kube.create(ServiceAccount(metadata=ObjectMeta(name="stranger", namespace="app")))
    settings = {"mountPath": mount, "role": "app", "serviceAccountRef": {"name": "stranger"}}
    with pytest.raises(AccessDeniedError):
        await check(stores, readable.spec(auth={"kubernetes": settings}))


async def test_kubernetes_without_reference_uses_the_operators_token(stores: Stores, readable: Engine) -> None:
    with pytest.raises(InvalidSpecError, match="no token of its own"):
        await check(stores, readable.spec(auth={"kubernetes": {"mountPath": "kubernetes", "role": "app"}}))


async def test_referent_kubernetes_store_signs_in_per_namespace(stores: Stores, readable: Engine) -> None:
    mount = await _reviewing(stores, readable)
    settings = {"mountPath": mount, "role": "app", "serviceAccountRef": {"name": "account"}}
    store = stores.store(readable.spec(auth={"kubernetes": settings}), cluster=True)
    async with stores.manager.client_for(store, "app") as client:
        assert (await client.get_secret(RemoteRef("k", "n"))).reveal() == b"value"
    async with stores.manager.client_for(store, "") as client:
        assert await client.validate() is ValidationResult.UNKNOWN
    with pytest.raises(AccessDeniedError):
        async with stores.manager.client_for(store, "other") as client:
            await client.get_secret(RemoteRef("k", "n"))


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _public(key: rsa.RSAPrivateKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


async def test_jwt_from_a_secret(stores: Stores, readable: Engine, signing_key: rsa.RSAPrivateKey) -> None:
    mount = f"jwt-{readable.v2}"
    readable.vault.enable("jwt", mount)
    readable.vault.call("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [_public(signing_key)]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": "vault", "token_policies": ["reader"]}
    readable.vault.call("POST", f"auth/{mount}/role/app", role)
    claims = {"sub": "me", "aud": "vault", "iat": datetime.now(UTC), "exp": datetime.now(UTC) + timedelta(hours=1)}
    await stores.secret("jwt", jwt=jwt.encode(claims, signing_key, algorithm="RS256"))
    settings = {"path": mount, "role": " app ", "secretRef": {"name": "jwt", "key": "jwt"}}
    # ESO counts this login as a write.
    await check(stores, readable.spec(auth={"jwt": settings}), call="WriteSecretData")


@pytest.mark.parametrize(
    ("settings", "audiences", "seconds"),
    [
        ({}, ["vault"], 600),
        ({"audiences": ["a", "b"], "expirationSeconds": 1200}, ["a", "b"], 1200),
    ],
)
async def test_jwt_of_a_service_account(
    stores: Stores, fake: FakeVault, settings: dict[str, Any], audiences: list[str], seconds: int
) -> None:
    account = {"serviceAccountRef": {"name": "account", "audiences": ["first"]}, **settings}
    fake.data["k"] = {"n": "value"}
    spec = fake.spec(auth={"jwt": {"path": "jwt", "role": "app", "kubernetesServiceAccountToken": account}})
    await check(stores, spec, call="WriteSecretData")
    (body,) = [body for _, path, _, body in fake.requests if path == "auth/jwt/login"]
    claims = _claims(body["jwt"])
    assert body["role"] == "app"
    assert claims["aud"] == ["first", *audiences]
    assert claims["exp"] - claims["iat"] == seconds


def _claims(token: str) -> Any:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


async def test_ldap(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "value"}
    await stores.secret("user", password="pass")
    settings = {"path": "ldap", "username": " me\n", "secretRef": {"name": "user", "key": "password"}}
    await check(stores, fake.spec(auth={"ldap": settings}))
    assert [(verb, path, body) for verb, path, _, body in fake.requests if "login" in path] == [
        ("PUT", "auth/ldap/login/me", {"password": "pass"})
    ]


async def test_the_first_method_wins(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "value"}
    await stores.secret("user", password="pass")
    await stores.secret("approle", id="secret-id-canary")
    ldap = {"path": "ldap", "username": "me", "secretRef": {"name": "user", "key": "password"}}
    await check(stores, fake.spec(auth={"ldap": ldap, **fake.spec()["auth"]}))
    assert fake.count("auth/approle/login") == 1
    assert fake.count("auth/ldap") == 0


async def test_legacy_token_secrets_when_tokens_cannot_be_requested(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "value"}
    account = await stores.kube.get(ServiceAccount, "account", "app")
    wire = account.to_wire()
    wire["secrets"] = [{"name": "gone"}, {"name": "legacy"}]
    await stores.kube.replace(wire, kind=ServiceAccount)
    await stores.kube.create(
        Secret(metadata=ObjectMeta(name="legacy", namespace="app"), data={"token": b"legacy-token"})
    )
    stores.server.faults.add(lambda request: request.path.endswith("/token"), status=403)
    settings = {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "account"}}
    await check(stores, fake.spec(auth={"kubernetes": settings}))
    (body,) = [body for _, path, _, body in fake.requests if path == "auth/kubernetes/login"]
    assert body == {"jwt": "legacy-token", "role": "app"}


@pytest.mark.parametrize(("address", "sent"), [(None, True), ("{url}/", True), ("http://elsewhere:8200", False)])
async def test_without_auth_the_operators_own_token(
    stores: Stores, fake: FakeVault, address: str | None, sent: bool
) -> None:
    fake.data["k"] = {"n": "value"}
    stores.environ["VAULT_TOKEN"] = fake.token()
    if address is not None:
        stores.environ["VAULT_ADDR"] = address.format(url=fake.url)
    spec = fake.spec()
    del spec["auth"]
    if sent:
        await check(stores, spec, logins=0)
        return
    with pytest.raises(AccessDeniedError):
        await check(stores, spec, logins=0)
    assert all("X-Vault-Token" not in headers for headers in fake.headers(""))


async def test_namespaces_and_headers(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "value"}
    await stores.secret("approle", id="secret-id-canary")
    spec = fake.spec(namespace="team", headers={"X-Gateway": "yes"})
    spec["auth"]["namespace"] = "admin"
    await check(stores, spec)
    seen = {path: headers["X-Vault-Namespace"] for _, path, headers, _ in fake.requests}
    assert seen.pop("auth/approle/login") == "admin"
    assert set(seen.values()) == {"team"}
    assert all(h["X-Gateway"] == "yes" and h["X-Vault-Request"] == "true" for _, _, h, _ in fake.requests)


IAM = {"vaultRole": "operator", "vaultAwsIamServerID": "vault.example", "region": "eu-central-1"}


async def test_iam_with_static_keys(stores: Stores, fake: FakeVault) -> None:
    fake.data["k"] = {"n": "value"}
    await stores.secret("aws", id="AKIDEXAMPLE", secret="wJalrXUtnFEMI", token="session")
    keys = {
        "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
        "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
    }
    await check(stores, fake.spec(auth={"iam": {**IAM, "secretRef": keys}}))
    (body,) = [body for _, path, _, body in fake.requests if path == "auth/aws/login"]
    assert body["role"] == "operator"
    assert body["iam_http_request_method"] == "POST"
    assert base64.b64decode(body["iam_request_url"]) == b"https://sts.eu-central-1.amazonaws.com/"
    assert base64.b64decode(body["iam_request_body"]) == b"Action=GetCallerIdentity&Version=2011-06-15"
    headers = json.loads(base64.b64decode(body["iam_request_headers"]))
    assert headers["X-Vault-AWS-IAM-Server-ID"] == ["vault.example"]
    (authorization,) = headers["Authorization"]
    assert authorization.startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "/eu-central-1/sts/aws4_request" in authorization
    assert "x-vault-aws-iam-server-id" in authorization


async def test_iam_at_a_real_vault_that_asks_sts(stores: Stores, readable: Engine, moto: str) -> None:
    mount, account = f"aws-{readable.v2}", "arn:aws:iam::123456789012"
    readable.vault.enable("aws", mount)
    client = {"sts_endpoint": moto, "sts_region": "eu-central-1", "iam_server_id_header_value": "vault.example"}
    readable.vault.call("POST", f"auth/{mount}/config/client", {**client, "access_key": "k", "secret_key": "s"})
    role = {
        "auth_type": "iam",
        "bound_iam_principal_arn": [f"{account}:user/moto", f"{account}:role/app"],
        "resolve_aws_unique_ids": False,
        "token_policies": ["reader"],
    }
    readable.vault.call("POST", f"auth/{mount}/role/operator", role)
    await stores.secret("aws", id="AKIDEXAMPLE", secret="wJalrXUtnFEMI")
    stores.environ["AWS_STS_ENDPOINT"] = moto
    keys = {
        "accessKeyIDSecretRef": {"name": "aws", "key": "id"},
        "secretAccessKeySecretRef": {"name": "aws", "key": "secret"},
    }
    await check(stores, readable.spec(auth={"iam": {**IAM, "path": mount, "secretRef": keys}}))
    assumed = {**IAM, "path": mount, "secretRef": keys, "role": f"{account}:role/app", "externalID": "external"}
    async with stores.lend(readable.spec(auth={"iam": assumed})) as lent:
        assert (await lent.get_secret(RemoteRef("k", "n"))).reveal() == b"value"


@pytest.fixture(scope="session")
def moto() -> Iterator[str]:
    with moto_server() as url:
        yield url.rstrip("/")


async def test_iam_needs_an_identity(stores: Stores, fake: FakeVault) -> None:
    with pytest.raises(InvalidSpecError, match="needs jwt or secretRef"):
        await check(stores, fake.spec(auth={"iam": IAM}))


async def test_gcp_with_a_key(stores: Stores, fake: FakeVault, signing_key: rsa.RSAPrivateKey) -> None:
    fake.data["k"] = {"n": "value"}
    form = serialization.PrivateFormat.PKCS8
    pem = signing_key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
    key = {"type": "service_account", "client_email": "me@p.iam", "private_key_id": "7", "private_key": pem}
    await stores.secret("gcp", json=json.dumps(key), bad='{"client_email": 1, "private_key": "canary"}')
    ref = {"secretAccessKeySecretRef": {"name": "gcp", "key": "json"}}
    await check(stores, fake.spec(auth={"gcp": {"role": "app", "path": "gcp", "secretRef": ref}}))
    (body,) = [body for _, path, _, body in fake.requests if path == "auth/gcp/login"]
    claims = jwt.decode(body["jwt"], _public(signing_key), algorithms=["RS256"], audience="vault/app")
    assert (claims["sub"], jwt.get_unverified_header(body["jwt"])["kid"]) == ("me@p.iam", "7")
    assert claims["exp"] - datetime.now(UTC).timestamp() < 601
    ref["secretAccessKeySecretRef"]["key"] = "bad"
    with pytest.raises(InvalidSpecError, match="does not point to the JSON key") as caught:
        await check(stores, fake.spec(auth={"gcp": {"role": "app", "secretRef": ref}}))
    assert "canary" not in repr(caught.value)


class FakeGoogle:
    """Token exchange, IAM credentials and metadata server of Google, on one port."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Any]] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.seen.append((request.path_qs, request.headers.get("Authorization", ""), body))
        if request.path.startswith("/computeMetadata"):
            if request.headers.get("Metadata-Flavor") != "Google":
                return web.Response(status=403)
            return web.Response(text=f"metadata:{request.path.rsplit('/', 1)[-1]}")
        if request.path == "/exchange":
            return web.json_response({"access_token": "federated", "expires_in": 3600})
        if request.path.endswith(":generateAccessToken"):
            return web.json_response(
                {"accessToken": "access", "expireTime": "2030-01-01T00:00:00Z"}, status=200 if body else 400
            )
        return web.json_response({"signedJwt": "signed-by-google"})


@pytest.mark.parametrize("identity", ["workload", "machine"])
async def test_gcp_by_workload_identity_and_by_machine(stores: Stores, identity: str) -> None:
    annotations = {"iam.gke.io/gcp-service-account": "me@p.iam.gserviceaccount.com"}
    metadata = ObjectMeta(name="bound", namespace="app", annotations=annotations)
    await stores.kube.create(ServiceAccount(metadata=metadata))
    google = FakeGoogle()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", google.handle)
    async with serving(app) as url:
        settings: dict[str, Any] = {"role": "app", "projectID": "p"}
        if identity == "workload":
            settings["workloadIdentity"] = {"serviceAccountRef": {"name": "bound"}, "clusterName": "c"}
        async with stores.manager.generator_context("app") as context:
            endpoints = GoogleEndpoints(binding=f"{url}/exchange", iam=url, metadata=url)
            auth = VaultGCPAuth.model_validate(settings)
            login = await gcp_login(auth, context, server="https://vault.example", endpoints=endpoints)
            sent = Sent()
            request = await login.prepare()
            await request(VaultAdapter(sent, "signing in"))  # type: ignore[arg-type]
            body = sent.body
    if identity == "machine":
        assert body == {"role": "app", "jwt": "metadata:identity"}
        assert "audience=https://vault.example/vault/app&" in google.seen[0][0]
        return
    assert body == {"role": "app", "jwt": "signed-by-google"}
    exchange = next(body for path, _, body in google.seen if path == "/exchange")
    assert exchange["audience"] == (
        "identitynamespace:p.svc.id.goog:https://container.googleapis.com/v1/projects/p/locations/"
        "metadata:cluster-location/clusters/c"
    )
    path, bearer, asked = google.seen[-1]
    assert path == "/v1/projects/-/serviceAccounts/me@p.iam.gserviceaccount.com:signJwt"
    assert bearer == "Bearer access"
    assert json.loads(asked["payload"])["aud"] == "vault/app"
