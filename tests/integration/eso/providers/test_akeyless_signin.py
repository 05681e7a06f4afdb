"""providers/akeyless.md, section 1: each way to sign in, against a server that checks what it is shown; and static checks."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from eso.errors import AccessDeniedError, EsoError, InvalidSpecError, ReferenceNotFoundError, UnavailableError
from eso.identity.gcp import GoogleEndpoints
from eso.providers.akeyless.provider import AkeylessProvider
from eso.providers.akeyless.surroundings import Surroundings
from reconcile.api.core_v1 import ServiceAccount
from tests.support.providerbench import ProviderBench, bench, told, value
from tests.support.vendors.akeyless import ACCESS_KEY, AWS_SECRET, Akeyless, Entry
from tests.support.vendors.tokenserver import serving

LABEL = "AKEYLESSLESS/SecretsManager"
KEYS = {"accessID": "id", "accessType": "type", "accessTypeParam": "param"}
ID, KIND, PARAM = ({"name": "akeyless", "key": key} for key in ("id", "type", "param"))
REFS = {"accessID": ID, "accessType": KIND, "accessTypeParam": PARAM}
KUBERNETES = {"accessID": "p-1", "k8sConfName": "cluster"}
SECRETS = ("/app/db", "/app/doc", "/other/db", "/app/more", "/app/rest")


class Case:
    def __init__(self, akeyless: Akeyless, environ: dict[str, str]) -> None:
        self.akeyless = akeyless
        self.environ = environ
        self.now = datetime.now(UTC)
        self.stores: ProviderBench

    def lend(self, auth: dict[str, Any]) -> Any:
        return self.stores.lend({"akeylessGWApiURL": f"{self.akeyless.url}/v2", "authSecretRef": auth})

    async def grant(self, kind: str, param: str = "", **more: Any) -> dict[str, Any]:
        """Authentication by the three selectors, or by two where there is no parameter."""
        await self.stores.secret("by", id="p-1", type=kind, param=param)
        refs = {name: {"name": "by", "key": key} for name, key in KEYS.items() if param or key != "param"}
        return {"secretRef": refs, **more}

    async def account(self, name: str, annotations: dict[str, str], *secrets: str) -> None:
        body = {"metadata": {"name": name, "namespace": "app", "annotations": annotations}}
        listed = [{"name": secret} for secret in secrets]
        await self.stores.kube.create(ServiceAccount.from_wire({**body, "secrets": listed}))

    def pass_by(self, seconds: float) -> None:
        self.now = datetime.fromtimestamp(self.now.timestamp() + seconds, UTC)


@pytest.fixture
async def case() -> AsyncIterator[Case]:
    akeyless = Akeyless(items={name: Entry("STATIC_SECRET", ["canary-value"]) for name in SECRETS})
    async with serving(akeyless):
        found = Case(akeyless, {})
        google = GoogleEndpoints(metadata=akeyless.url, token=f"{akeyless.url}/google/token")
        around = Surroundings(akeyless.url, google, found.environ, lambda: found.now, 0.01)
        async with bench(AkeylessProvider(around)) as stores:
            found.stores = stores
            yield found


@pytest.mark.parametrize("kind", ["api_key", "access_key"])
async def test_access_key(case: Case, kind: str) -> None:
    async with case.lend(await case.grant(kind, ACCESS_KEY)) as client:
        assert case.akeyless.seen == []  # lazy, at the first read
        assert await value(client, "/app/db") == "canary-value"
        assert await value(client, "/other/db") == "canary-value"
    wanted = {"access-id": "p-1", "access-type": "access_key", "access-key": ACCESS_KEY}
    assert case.akeyless.sent("auth") == [wanted]  # one token for all reads
    assert case.stores.counted(LABEL, "Auth") == 1


async def test_kubernetes_by_token_request(case: Case) -> None:
    auth = {"accessID": "p-k8s", "k8sConfName": "cluster"}
    account = {"name": "robot", "audiences": ["akeyless"]}
    async with case.lend({"kubernetesAuth": {**auth, "serviceAccountRef": account}}) as client:
        assert await value(client, "/app/db") == "canary-value"
    claims = case.akeyless.proofs[0]
    assert claims["sub"] == "system:serviceaccount:app:robot"
    assert claims["aud"] == ["akeyless"]
    assert 590 <= claims["exp"] - claims["iat"] <= 610
    assert case.akeyless.sent("auth")[0]["access-type"] == "k8s"


@pytest.mark.parametrize("ref", [{"name": "jwt"}, {"name": "jwt", "key": "other"}])
async def test_kubernetes_by_secret_with_default_key(case: Case, ref: dict[str, str]) -> None:
    await case.stores.secret("jwt", token="canary-jwt", other="canary-jwt")
    case.akeyless.jwts = {"canary-jwt"}
    auth = {"kubernetesAuth": {"accessID": "p-k8s", "k8sConfName": "cluster", "secretRef": ref}}
    async with case.lend(auth) as client:
        assert await value(client, "/app/db") == "canary-value"


async def test_kubernetes_prefers_a_legacy_token(case: Case) -> None:
    await case.stores.secret("pull", dockerconfigjson="{}")
    await case.stores.secret("legacy", token="canary-legacy")
    await case.account("old", {}, "gone", "pull", "legacy")
    case.akeyless.jwts = {"canary-legacy"}
    auth = {"accessID": "p-k8s", "k8sConfName": "cluster", "serviceAccountRef": {"name": "old"}}
    async with case.lend({"kubernetesAuth": auth}) as client:
        await value(client, "/app/db")
    assert case.akeyless.proofs == ["canary-legacy"]


@pytest.mark.parametrize("token", [None, "canary-session-token"])
async def test_aws_iam_signs_get_caller_identity(
    case: Case, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    else:
        monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    async with case.lend(await case.grant("aws_iam")) as client:
        assert await value(client, "/app/db") == "canary-value"
    assert case.akeyless.sent("auth")[0]["access-type"] == "aws_iam"


@pytest.mark.parametrize(("param", "audience"), [("", "akeyless.io"), ("mine", "mine")])
async def test_gcp_by_metadata_server(case: Case, param: str, audience: str) -> None:
    async with case.lend(await case.grant("gcp", param)) as client:
        await value(client, "/app/db")
    assert case.akeyless.proofs == [f"google:machine:{audience}"]


async def test_gcp_by_service_account_key(case: Case, tmp_path: Path) -> None:
    private = rsa.generate_private_key(65537, 2048)
    case.akeyless.google_key = private.public_key()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = {"type": "service_account", "client_email": "robot@p", "private_key": pem, "private_key_id": "1"}
    (tmp_path / "key.json").write_text(json.dumps(key))
    case.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(tmp_path / "key.json")
    async with case.lend(await case.grant("gcp")) as client:
        await value(client, "/app/db")
        assert case.akeyless.proofs == ["google:robot@p:akeyless.io"]
        (tmp_path / "key.json").write_text('{"type": "authorized_user", "refresh_token": "canary"}')
        case.akeyless.tokens.clear()
        with pytest.raises(InvalidSpecError) as caught:
            await value(client, "/app/doc")
    assert "canary" not in told(caught.value)


ARM = "https://management.azure.com/"
WORKLOAD = {"azure.workload.identity/client-id": "app-1", "azure.workload.identity/tenant-id": "t-1"}


@pytest.mark.parametrize(
    ("annotations", "param", "environ", "proof"),
    [
        (WORKLOAD, "ignored", {}, f"arm:t-1:app-1:{ARM}.default"),
        ({}, "app-2", {"AZURE_TENANT_ID": "t-2"}, f"arm:t-2:app-2:{ARM}.default"),
        (
            WORKLOAD,
            "",
            {"AZURE_CLOUD": "AzureUSGovernment"},
            "arm:t-1:app-1:https://management.usgovcloudapi.net/.default",
        ),
        (
            WORKLOAD,
            "",
            {"AZURE_ENVIRONMENT": "AzureChinaCloud", "AZURE_CLOUD": "AzureCloud"},
            "arm:t-1:app-1:https://management.chinacloudapi.cn/.default",
        ),
    ],
)
async def test_azure_by_service_account(
    case: Case, annotations: dict[str, str], param: str, environ: dict[str, str], proof: str
) -> None:
    case.environ |= {**environ, "AZURE_AUTHORITY_HOST": case.akeyless.url}
    await case.account("workload", annotations)
    async with case.lend(await case.grant("azure_ad", param, serviceAccountRef={"name": "workload"})) as client:
        await value(client, "/app/db")
    claims, said = case.akeyless.proofs
    assert claims["aud"] == ["api://AzureADTokenExchange"]
    assert 590 <= claims["exp"] - claims["iat"] <= 610
    assert said == proof


@pytest.mark.parametrize(
    ("annotations", "text"),
    [({}, "missing Azure client ID"), ({"azure.workload.identity/client-id": "a"}, "tenant ID")],
)
async def test_azure_account_without_ids(case: Case, annotations: dict[str, str], text: str) -> None:
    await case.account("workload", annotations)
    async with case.lend(await case.grant("azure_ad", serviceAccountRef={"name": "workload"})) as client:
        with pytest.raises(InvalidSpecError, match=text):
            await value(client, "/app/db")


async def test_azure_by_machine_with_object_id_is_tried_five_times(case: Case) -> None:
    case.akeyless.machine = [404, 429, 500, 503]
    async with case.lend(await case.grant("azure_ad", "object-1")) as client:
        await value(client, "/app/db")
        assert case.akeyless.proofs == [f"arm:object-1:{ARM}"]
        case.akeyless.tokens.clear()
        case.akeyless.machine = [503] * 5 + [200]
        with pytest.raises(UnavailableError):
            await value(client, "/app/doc")
    assert case.akeyless.machine == [200]


@pytest.mark.parametrize(
    ("environ", "proof"),
    [
        ({}, f"arm:only:{ARM}"),
        ({"AZURE_CLIENT_ID": "mine"}, f"arm:mine:{ARM}"),
        (
            {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_CLIENT_SECRET": "canary-client-secret"},
            f"arm:t:c:{ARM}.default",
        ),
        ({"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t", "AZURE_FEDERATED_TOKEN_FILE": "f"}, f"arm:t:c:{ARM}.default"),
    ],
)
async def test_azure_by_default_chain(case: Case, environ: dict[str, str], proof: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text(jwt.encode({"aud": ["api://AzureADTokenExchange"]}, "k" * 32))
    file = {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "f")} if "AZURE_FEDERATED_TOKEN_FILE" in environ else {}
    case.environ |= {**environ, **file, "AZURE_AUTHORITY_HOST": case.akeyless.url}
    async with case.lend(await case.grant("azure_ad")) as client:
        await value(client, "/app/db")
    assert case.akeyless.proofs[-1] == proof


@pytest.mark.parametrize(
    ("kind", "error", "text"),
    [
        ("api_key", InvalidSpecError, "accessTypeParam"),
        ("k8s", InvalidSpecError, "kubernetesAuth"),
        ("canary-kind", InvalidSpecError, "accessType"),
        ("", InvalidSpecError, "empty"),
    ],
)
async def test_sign_ins_that_cannot_work(case: Case, kind: str, error: type[EsoError], text: str) -> None:
    async with case.lend(await case.grant(kind)) as client:
        with pytest.raises(error, match=text) as caught:
            await value(client, "/app/db")
    assert "canary" not in told(caught.value)


async def test_references_that_are_missing(case: Case) -> None:
    none = {"name": "none", "key": "x"}
    kubernetes = {"accessID": "a", "k8sConfName": "c"}
    for auth, error in (
        ({"secretRef": {"accessID": none, "accessType": none}}, ReferenceNotFoundError),
        ({"kubernetesAuth": {**kubernetes, "secretRef": none}}, ReferenceNotFoundError),
        ({"kubernetesAuth": kubernetes}, InvalidSpecError),
    ):
        async with case.lend(auth) as client:
            with pytest.raises(error):
                await value(client, "/app/db")


async def test_a_wrong_access_key(case: Case, caplog: pytest.LogCaptureFixture) -> None:
    async with case.lend(await case.grant("api_key", "canary-wrong")) as client:
        with pytest.raises(AccessDeniedError) as caught:
            await value(client, "/app/db")
    assert "canary" not in told(caught.value) + caplog.text
    assert case.stores.counted(LABEL, "Auth", "error") == 1


async def test_universal_identity_tokens_are_sent_as_such(case: Case) -> None:
    case.akeyless.issue = lambda number: f"u-{number}"
    async with case.lend(await case.grant("api_key", ACCESS_KEY)) as client:
        assert await value(client, "/app/db") == "canary-value"


async def test_tokens_are_renewed_before_their_end_and_once_when_refused(case: Case) -> None:
    async with case.lend(await case.grant("api_key", ACCESS_KEY)) as client:
        await value(client, "/app/db")
        case.pass_by(209)
        await value(client, "/app/doc")
        assert case.akeyless.issued == 1
        case.pass_by(2)
        await value(client, "/other/db")
        assert case.akeyless.issued == 2
        case.akeyless.tokens.clear()
        await value(client, "/app/more")
        assert case.akeyless.issued == 3
        case.akeyless.access_keys.clear()
        case.akeyless.tokens.clear()
        with pytest.raises(AccessDeniedError):
            await value(client, "/app/rest")
    assert len(case.akeyless.sent("auth")) == 4


async def test_a_token_that_is_a_jwt_lasts_as_long_as_it_says(case: Case) -> None:
    case.akeyless.issue = lambda number: jwt.encode({"exp": case.now.timestamp() + 1000, "n": number}, "k" * 32)
    async with case.lend(await case.grant("api_key", ACCESS_KEY)) as client:
        await value(client, "/app/db")
        case.pass_by(969)
        await value(client, "/app/doc")
        assert case.akeyless.issued == 1
        case.pass_by(2)
        await value(client, "/other/db")
        assert case.akeyless.issued == 2


# 5. Static checks


ELSEWHERE = {"name": "a", "namespace": "x"}


def check(spec: dict[str, Any], kind: str = "SecretStore", namespace: str = "app") -> list[str]:
    model = AkeylessProvider.spec_type.model_validate(spec)
    return list(AkeylessProvider().validate_store(model, store_kind=kind, store_namespace=namespace))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"akeylessGWApiURL": "api.akeyless.io"}, "invalid akeyless GW API URL"),
        ({"akeylessGWApiURL": "https://["}, "invalid akeyless GW API URL"),
        ({"authSecretRef": {}}, "missing akeyless accessID name"),
        ({"authSecretRef": {"secretRef": {"accessID": {"key": "k"}}}}, "missing akeyless accessID name"),
        ({"authSecretRef": {"secretRef": {"accessID": {"name": "n"}}}}, "missing akeyless accessID key"),
        ({"authSecretRef": {"secretRef": {**REFS, "accessID": {**ID, "namespace": "x"}}}}, "namespace"),
        ({"authSecretRef": {"secretRef": {**REFS, "accessType": ELSEWHERE}}}, "namespace"),
        ({"authSecretRef": {"secretRef": {**REFS, "accessTypeParam": ELSEWHERE}}}, "namespace"),
        ({"authSecretRef": {"secretRef": REFS, "serviceAccountRef": ELSEWHERE}}, r"invalid Auth\.ServiceAccountRef"),
        (
            {"authSecretRef": {"kubernetesAuth": {**KUBERNETES, "serviceAccountRef": ELSEWHERE}}},
            r"invalid Auth\.Kubernetes\.ServiceAccountRef",
        ),
        ({"authSecretRef": {"kubernetesAuth": {**KUBERNETES, "secretRef": ELSEWHERE}}}, "namespace"),
        ({"authSecretRef": {"kubernetesAuth": {**KUBERNETES, "accessID": ""}}}, "missing kubernetes auth-method"),
        ({"authSecretRef": {"kubernetesAuth": {**KUBERNETES, "k8sConfName": ""}}}, "missing kubernetes config name"),
        ({"caProvider": {"type": "Secret", "key": "k", **ELSEWHERE}}, "namespace"),
    ],
)
def test_static_checks(change: dict[str, Any], text: str) -> None:
    spec = {"akeylessGWApiURL": "", "authSecretRef": {"secretRef": REFS}}
    assert check(spec) == []
    with pytest.raises(InvalidSpecError, match=text):
        check({**spec, **change})


def test_static_checks_of_a_cluster_store() -> None:
    def checked(auth: dict[str, Any]) -> list[str]:
        return check({"akeylessGWApiURL": "https://gw", "authSecretRef": auth}, "ClusterSecretStore", "")

    there = {name: {**ref, "namespace": "x"} for name, ref in REFS.items()}
    assert checked({"secretRef": there, "serviceAccountRef": {"name": "a"}}) == []
    assert checked({"kubernetesAuth": {**KUBERNETES, "serviceAccountRef": {"name": "a"}}}) == []
    for name in REFS:
        with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
            checked({"secretRef": {**there, name: REFS[name]}})
    with pytest.raises(InvalidSpecError, match="cluster scope requires namespace"):
        checked({"kubernetesAuth": {**KUBERNETES, "secretRef": {"name": "a"}}})
