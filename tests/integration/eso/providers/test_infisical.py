"""providers/infisical.md, row by row, against a server that speaks Infisical's API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from eso.errors import (
    AccessDeniedError,
    EsoError,
    InvalidRequestError,
    InvalidSpecError,
    NoSecretError,
    ProviderError,
    ReferenceNotFoundError,
    ThrottledError,
    UnavailableError,
)
from eso.identity.gcp import GoogleEndpoints
from eso.providers.base import Capabilities, FindRef, PushRemoteRef, ValidationResult
from eso.providers.infisical.machine import Surroundings
from eso.providers.infisical.provider import InfisicalProvider
from eso.values import reveal_all
from tests.support.providerbench import ProviderBench, bench, entry, mapped, source, told, value
from tests.support.vendors.infisical import AWS_SECRET, POD_TOKEN, Clouds, Infisical, rsa_key
from tests.support.vendors.tokenserver import serving


def ref(key: str, **more: Any) -> dict[str, Any]:
    return {"name": "identity", "key": key, **more}


UNIVERSAL = {"universalAuthCredentials": {"clientId": ref("client"), "clientSecret": ref("secret")}}
TOKEN = {"tokenAuthCredentials": {"accessToken": ref("static")}}
SCOPE = {"projectSlug": "app", "environmentSlug": "prod"}


class Case:
    def __init__(self, infisical: Infisical, clouds: Clouds, stores: ProviderBench) -> None:
        self.infisical = infisical
        self.clouds = clouds
        self.stores = stores
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def spec(self, auth: Any = None, **scope: Any) -> dict[str, Any]:
        return {"hostAPI": self.infisical.url, "auth": auth or UNIVERSAL, "secretsScope": {**SCOPE, **scope}}

    def lend(self, auth: Any = None, *, cluster: bool = False, uid: str = "", **scope: Any) -> Any:
        return self.stores.lend(self.spec(auth, **scope), cluster=cluster, uid=uid)

    def counted(self, call: str) -> float:
        return self.stores.counted("infisical", call)


@pytest.fixture
async def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Case]:
    for name, text in (("ACCESS_KEY_ID", "AKIA"), ("SECRET_ACCESS_KEY", AWS_SECRET), ("EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(f"AWS_{name}", text)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    clouds = Clouds(key=rsa_key())
    infisical = Infisical(google=clouds, secrets={"/": {"DB": "canary-db", "DOC": '{"a":"x","n":{"k":1}}'}})
    async with serving(infisical), serving(clouds):
        (tmp_path / "token").write_text(f"{POD_TOKEN}\n")
        (tmp_path / "key.json").write_text(clouds.key_file())
        (tmp_path / "other").write_text("canary-file")
        around = Surroundings(
            azure=clouds.url,
            ec2=clouds.url,
            google=GoogleEndpoints(iam=clouds.url, metadata=clouds.url, token=f"{clouds.url}/token"),
            token_file=str(tmp_path / "token"),
            environ={},
            now=lambda: made.now,
        )
        async with bench(InfisicalProvider(around, pause=0.01)) as stores:
            made = Case(infisical, clouds, stores)
            clouds.now = made.now.timestamp()
            pem = infisical.oracle.private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary-pass")
            )
            await stores.secret(
                "identity",
                client="client",
                secret="canary-secret",
                static="canary-static",
                wrong="canary-wrong",
                identity="identity",
                resource="https://vault.azure.net",
                keyfile=str(tmp_path / "key.json"),
                otherfile=str(tmp_path / "other"),
                nofile=str(tmp_path / "none"),
                jwt="canary-jwt",
                user="ann",
                password="canary-ldap",
                pem=pem.decode(),
                passphrase="canary-pass",
                fingerprint="aa:bb",
                userid="ocid1.user",
                tenancy="ocid1.tenancy",
                region="eu-frankfurt-1",
            )
            yield made


async def found(client: Any, **more: Any) -> dict[str, str]:
    return {key: text.decode() for key, text in reveal_all(await client.get_all_secrets(FindRef(**more))).items()}


async def refused(client: Any, key: str, prop: str = "") -> EsoError:
    with pytest.raises(EsoError) as caught:
        await value(client, key, prop)
    assert "canary" not in told(caught.value)
    return caught.value


# 1. Authentication

IDENTITY = {"identityId": ref("identity")}
OCI = {
    **IDENTITY,
    "privateKey": ref("pem"),
    "privateKeyPassphrase": ref("passphrase"),
    "fingerprint": ref("fingerprint"),
    "userId": ref("userid"),
    "tenancyId": ref("tenancy"),
    "region": ref("region"),
}
METHODS: dict[str, tuple[dict[str, Any], str, str]] = {
    "universal": (UNIVERSAL, "universal-auth", "UniversalAuth"),
    "azure": ({"azureAuthCredentials": IDENTITY}, "azure-auth", "AzureAuth"),
    "gcp id token": ({"gcpIdTokenAuthCredentials": IDENTITY}, "gcp-auth", "GcpIdTokenAuth"),
    "gcp iam": (
        {"gcpIamAuthCredentials": {**IDENTITY, "serviceAccountKeyFilePath": ref("keyfile")}},
        "gcp-auth",
        "GcpServiceAccountAuth",
    ),
    "jwt": ({"jwtAuthCredentials": {**IDENTITY, "jwt": ref("jwt")}}, "jwt-auth", "JwtAuth"),
    "ldap": (
        {"ldapAuthCredentials": {**IDENTITY, "ldapPassword": ref("password"), "ldapUsername": ref("user")}},
        "ldap-auth",
        "LdapAuth",
    ),
    "oci": ({"ociAuthCredentials": OCI}, "oci-auth", "OciAuth"),
    "kubernetes": ({"kubernetesAuthCredentials": IDENTITY}, "kubernetes-auth", "KubernetesAuth"),
    "aws": ({"awsAuthCredentials": IDENTITY}, "aws-auth", "AwsAuth"),
}


@pytest.mark.parametrize("name", METHODS)
async def test_login_use_and_revocation(case: Case, name: str) -> None:
    auth, method, call = METHODS[name]
    async with case.lend(auth, uid="one") as client:
        assert await value(client, "DB") == "canary-db"
    assert [each for each, _ in case.infisical.logins] == [method]
    assert case.counted(f"MachineIdentityLoginVia{call}") == 1
    await case.stores.manager.close()
    assert case.infisical.revoked == ["canary-access-1"]
    assert case.counted("RevokeAccessToken") == 1


async def test_an_access_token_is_used_as_it_is_and_never_revoked(case: Case) -> None:
    async with case.lend(TOKEN) as client:
        assert await value(client, "DB") == "canary-db"
    assert case.counted("MachineIdentityLoginViaTokenAuth") == 1
    await case.stores.manager.close()
    assert (case.infisical.logins, case.infisical.revoked) == ([], [])


async def test_the_first_block_in_the_order_of_the_contract_counts(case: Case) -> None:
    auth = {key: block for blocks, _, _ in reversed(METHODS.values()) for key, block in blocks.items()}
    for name, (blocks, method, _) in METHODS.items():
        case.infisical.logins.clear()
        async with case.lend({**auth, **TOKEN}) as client:
            await value(client, "DB")
        assert case.infisical.logins[0][0] == method, name
        auth.pop(next(iter(blocks)))
    with pytest.raises(InvalidSpecError, match="no authentication method"):
        async with case.stores.lend({"hostAPI": "http://127.0.0.1:1", "auth": {}, "secretsScope": SCOPE}):
            pass


async def test_the_organization_is_sent_at_login_only_where_it_is_set(case: Case) -> None:
    for organization in ("acme", None):
        async with case.lend(organizationSlug=organization) as client:
            await value(client, "DB")
    assert [body.get("organizationSlug") for _, body in case.infisical.logins] == ["acme", None]


@pytest.mark.parametrize(
    ("resource", "asked"), [(None, "https://management.azure.com/"), (ref("resource"), "https://vault.azure.net")]
)
async def test_the_resource_of_an_azure_token(case: Case, resource: Any, asked: str) -> None:
    block = {**IDENTITY, **({"resource": resource} if resource else {})}
    async with case.lend({"azureAuthCredentials": block}) as client:
        await value(client, "DB")
    assert case.infisical.logins[0][1]["jwt"] == f"canary-azure-{asked}"


async def test_a_token_path_must_name_a_token(case: Case) -> None:
    for key, text in (("otherfile", "does not name the token"), ("nofile", "cannot be read")):
        async with case.lend(
            {"kubernetesAuthCredentials": {**IDENTITY, "serviceAccountTokenPath": ref(key)}}
        ) as client:
            error = await refused(client, "DB")
        assert isinstance(error, InvalidSpecError)
        assert text in str(error)
        async with case.lend({"gcpIamAuthCredentials": {**IDENTITY, "serviceAccountKeyFilePath": ref(key)}}) as client:
            assert isinstance(await refused(client, "DB"), InvalidSpecError)
    assert case.infisical.logins == []


@pytest.mark.parametrize(
    ("method", "field"),
    [("azure", "resource"), ("kubernetes", "serviceAccountTokenPath"), ("oci", "privateKeyPassphrase")],
)
async def test_an_empty_reference_is_as_none(case: Case, method: str, field: str) -> None:
    name = f"{method}AuthCredentials"
    fields = {key: held for key, held in (OCI if method == "oci" else IDENTITY).items() if key != field}
    if method == "oci":
        key = case.infisical.oracle.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        await case.stores.secret("plain", pem=key.decode())
        fields["privateKey"] = {"name": "plain", "key": "pem"}
    for block in (fields, {**fields, field: {}}):
        assert case.stores.check(case.spec({name: block})) == []
        async with case.lend({name: block}) as client:
            assert await value(client, "DB") == "canary-db"


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ({"privateKey": ref("jwt")}, "privateKey"),
        ({"privateKeyPassphrase": ref("wrong")}, "privateKeyPassphrase"),
        ({"region": ref("resource")}, "region"),
    ],
)
async def test_an_oracle_key_that_cannot_be_used(case: Case, block: dict[str, Any], text: str) -> None:
    async with case.lend({"ociAuthCredentials": {**OCI, **block}}) as client:
        error = await refused(client, "DB")
    assert isinstance(error, InvalidSpecError)
    assert text in str(error)


async def test_the_region_of_aws_is_that_of_the_machine(case: Case) -> None:
    async with case.lend(METHODS["aws"][0]) as client:
        await value(client, "DB")
    assert case.clouds.seen == ["PUT /latest/api/token", "GET /latest/dynamic/instance-identity/document"]


async def test_wrong_or_missing_credentials(case: Case) -> None:
    wrong = {"universalAuthCredentials": {"clientId": ref("client"), "clientSecret": ref("wrong")}}
    async with case.lend(wrong) as client:
        assert isinstance(await refused(client, "DB"), AccessDeniedError)
    with pytest.raises(ReferenceNotFoundError):
        async with case.lend({"tokenAuthCredentials": {"accessToken": ref("nowhere")}}):
            pass
    async with case.lend({"tokenAuthCredentials": {"accessToken": ref("wrong")}}) as client:
        assert isinstance(await refused(client, "DB"), AccessDeniedError)


async def test_one_login_for_all_and_again_before_the_token_ends(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(value(client, name) for name in ("DB", "DOC")))
        assert len(case.infisical.logins) == 1
        case.now += timedelta(seconds=3541)
        await client.validate()
        assert len(case.infisical.logins) == 2


@pytest.mark.parametrize("lifetime", [None, 20.0])
async def test_tokens_with_no_end_or_a_near_one_are_used_too(case: Case, lifetime: float | None) -> None:
    case.infisical.lifetime = lifetime
    async with case.lend() as client:
        for _ in range(3):
            await client.validate()
    assert len(case.infisical.logins) == 1


@pytest.mark.parametrize("expired", [(401, "Unauthorized"), (403, "TokenError")])
async def test_a_refused_token_is_replaced_once(case: Case, expired: tuple[int, str]) -> None:
    case.infisical.expired = expired
    async with case.lend() as client:
        await value(client, "DB")
        case.infisical.valid.clear()
        assert await value(client, "DOC", "a") == "x"
    assert len(case.infisical.logins) == 2


async def test_the_host_is_normalised(case: Case) -> None:
    for suffix in ("", "/", "/api", "/api/"):
        spec = {**case.spec(), "hostAPI": case.infisical.url + suffix}
        async with case.stores.lend(spec) as client:
            assert await value(client, "DB") == "canary-db"
    assert all(line.split()[1].startswith("/api/v") for line in case.infisical.seen)


# 2. remoteRef


@pytest.mark.parametrize(
    ("folder", "key", "path", "name"),
    [
        ("/", "K", "/", "K"),
        ("/a", "K", "/a", "K"),
        ("/a", "/K", "/", "K"),
        ("/a", "/b/c/K", "/b/c", "K"),
        ("/a", "b/K", "/a/b", "K"),
        ("/a/", "b/c/K", "/a/b/c", "K"),
        ("/", "b/K", "/b", "K"),
    ],
)
async def test_addresses(case: Case, folder: str, key: str, path: str, name: str) -> None:
    case.infisical.secrets[path] = {name: "here"}
    async with case.lend(secretsPath=folder) as client:
        assert await value(client, key) == "here"


async def test_the_query_of_a_read(case: Case) -> None:
    async with case.lend() as client:
        await value(client, "DB", version="9", metadata_policy="Fetch")
    line = next(line for line in case.infisical.seen if line.startswith("GET"))
    assert line == (
        "GET /api/v3/secrets/raw/DB?environment=prod&secretPath=/&workspaceSlug=app&type=shared"
        "&expandSecretReferences=true&include_imports=true"
    )
    assert case.counted("GetSecretByKeyV3") == 1


async def test_names_are_escaped_and_a_key_must_name_a_secret(case: Case) -> None:
    case.infisical.secrets["/"]["a?b%2F c"] = "odd"
    async with case.lend() as client:
        assert await value(client, "a?b%2F c") == "odd"
        assert isinstance(await refused(client, "folder/"), InvalidRequestError)


async def test_references_are_expanded_unless_the_store_says_no(case: Case) -> None:
    case.infisical.secrets["/"]["REF"] = "<${DB}>"
    async with case.lend() as client:
        assert await value(client, "REF") == "<canary-db>"
    async with case.lend(expandSecretReferences=False) as client:
        assert await value(client, "REF") == "<${DB}>"


async def test_imported_secrets_are_read(case: Case) -> None:
    case.infisical.imports["/"] = {"/shared": {"FAR": "imported"}}
    async with case.lend() as client:
        assert await value(client, "FAR") == "imported"


async def test_property(case: Case) -> None:
    async with case.lend() as client:
        assert await value(client, "DOC", "a") == "x"
        assert await value(client, "DOC", "n.k") == "1"
        assert await value(client, "DOC", "n") == '{"k":1}'
        for key in ("DOC", "DB"):
            error = await refused(client, key, "none")
            assert isinstance(error, ProviderError)
            assert not isinstance(error, NoSecretError)


async def test_a_missing_secret_is_a_missing_secret(case: Case) -> None:
    async with case.lend() as client:
        assert isinstance(await refused(client, "NONE"), NoSecretError)


# 3. dataFrom


async def test_extract(case: Case) -> None:
    async with case.lend() as client:
        assert await mapped(client, "DOC") == {"a": "x", "n": '{"k":1}'}
        assert await mapped(client, "DOC", "n") == {"k": "1"}
        with pytest.raises(ProviderError) as caught:
            await mapped(client, "DB")
    assert "canary" not in told(caught.value)


async def filled(case: Case) -> None:
    case.infisical.secrets = {"/": {"A": "1", "B": "2"}, "/sub": {"B": "3", "C": "4"}, "/sub/x": {"C": "5"}}
    case.infisical.imports = {"/": {"/far": {"A": "no", "D": "6"}, "/farther": {"D": "no"}}}


@pytest.mark.parametrize(
    ("recursive", "ref", "expected"),
    [
        (False, {}, {"A": "1", "B": "2", "D": "6"}),
        (True, {}, {"A": "1", "B": "3", "C": "5", "D": "6"}),
        (True, {"name_regexp": "^[CD]$"}, {"C": "5", "D": "6"}),
        (True, {"path": "/sub"}, {"B": "3", "C": "5"}),
        (True, {"path": "/sub/"}, {"C": "5"}),
        (True, {"path": "/sub", "name_regexp": "B"}, {"B": "3"}),
        (False, {"path": "/far"}, {"A": "no", "D": "6"}),
        (False, {"name_regexp": "nothing"}, {}),
    ],
)
async def test_find(case: Case, recursive: bool, ref: dict[str, Any], expected: dict[str, str]) -> None:
    await filled(case)
    async with case.lend(recursive=recursive) as client:
        assert await found(client, **ref) == expected
    assert case.counted("GetSecretsV3") == 1


async def test_find_refuses_tags_and_bad_patterns_and_a_scope_that_is_missing(case: Case) -> None:
    async with case.lend() as client:
        with pytest.raises(InvalidRequestError, match="tags"):
            await found(client, tags={})
        with pytest.raises(InvalidSpecError, match="regexp"):
            await found(client, name_regexp="(")
    async with case.lend(environmentSlug="nowhere") as client:
        with pytest.raises(InvalidRequestError, match="secretsScope") as caught:
            await found(client)
    assert not isinstance(caught.value, NoSecretError)


# 4. PushSecret


async def test_push_creates_updates_and_leaves_equal_values(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="<v>"), entry("NEW", "k"))
        assert case.infisical.bodies == [
            {
                "workspaceId": "project-1",
                "environment": "prod",
                "secretPath": "/",
                "secretValue": "<v>",
                "skipMultilineEncoding": True,
            }
        ]
        await client.push_secret(source(k="<v>"), entry("NEW", "k"))
        assert len(case.infisical.bodies) == 1
        await client.push_secret(source(k=""), entry("NEW", "k"))
        assert case.infisical.secrets["/"]["NEW"] == ""
    counts = {call: case.counted(f"{call}SecretV3") for call in ("Create", "Update", "Delete")}
    assert counts == {"Create": 1, "Update": 1, "Delete": 0}
    assert case.counted("GetWorkspaceBySlug") == 1


async def test_push_of_a_whole_secret_and_to_a_folder(case: Case) -> None:
    case.infisical.secrets["/a/b"] = {}
    async with case.lend(secretsPath="/a") as client:
        await client.push_secret(source(b="<2>", a="1"), entry("b/NEW"))
        assert case.infisical.secrets["/a/b"]["NEW"] == '{"a":"1","b":"<2>"}'
        with pytest.raises(InvalidRequestError, match="folder"):
            await client.push_secret(source(k="v"), entry("/none/NEW", "k"))
        with pytest.raises(InvalidRequestError, match="remoteKey"):
            await client.push_secret(source(k="v"), entry("", "k"))
        with pytest.raises(InvalidRequestError, match="UTF-8"):
            await client.push_secret(source(k=b"\xff"), entry("b/BIN", "k"))


async def test_push_of_a_property_keeps_the_rest(case: Case) -> None:
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("DOC", "k", "n.new"))
        assert case.infisical.secrets["/"]["DOC"] == '{"a":"x","n":{"k":1,"new":"v"}}'
        await client.push_secret(source(k="v"), entry("NEW", "k", "a.b"))
        assert case.infisical.secrets["/"]["NEW"] == '{"a":{"b":"v"}}'
        with pytest.raises(InvalidRequestError, match="JSON object") as caught:
            await client.push_secret(source(k="canary-v"), entry("DB", "k", "a"))
    assert "canary" not in told(caught.value)


async def test_push_of_a_property_keeps_references(case: Case) -> None:
    case.infisical.secrets["/"]["REF"] = '{"a":"${DB}"}'
    async with case.lend() as client:
        await client.push_secret(source(k="v"), entry("REF", "k", "b"))
    assert case.infisical.secrets["/"]["REF"] == '{"a":"${DB}","b":"v"}'


async def test_imported_secrets_do_not_count_for_writers(case: Case) -> None:
    case.infisical.imports["/"] = {"/shared": {"FAR": "imported"}}
    async with case.lend() as client:
        assert not await client.secret_exists(PushRemoteRef("FAR"))
        await client.delete_secret(PushRemoteRef("FAR"))
        await client.push_secret(source(k="imported"), entry("FAR", "k"))
    assert case.infisical.secrets["/"]["FAR"] == "imported"


async def test_pushes_of_several_properties_at_once_keep_each_other(case: Case) -> None:
    async with case.lend() as client:
        await asyncio.gather(*(client.push_secret(source(k="v"), entry("NEW", "k", f"p{n}")) for n in range(4)))
        assert await mapped(client, "NEW") == {f"p{n}": "v" for n in range(4)}


async def test_delete(case: Case) -> None:
    case.infisical.secrets["/"]["ONE"] = '{"a":"1","b":"2"}'
    async with case.lend() as client:
        await client.delete_secret(PushRemoteRef("ONE", "c"))
        assert case.infisical.bodies == []
        await client.delete_secret(PushRemoteRef("ONE", "a"))
        assert case.infisical.secrets["/"]["ONE"] == '{"b":"2"}'
        await client.delete_secret(PushRemoteRef("ONE", "b"))
        assert "ONE" not in case.infisical.secrets["/"]
        for prop in ("", "b"):
            await client.delete_secret(PushRemoteRef("ONE", prop))
        with pytest.raises(InvalidRequestError, match="JSON object"):
            await client.delete_secret(PushRemoteRef("DB", "a"))
        await client.delete_secret(PushRemoteRef("DB"))
        assert "DB" not in case.infisical.secrets["/"]
    assert case.infisical.bodies[-1] == {"workspaceId": "project-1", "environment": "prod", "secretPath": "/"}


async def test_exists(case: Case) -> None:
    async with case.lend() as client:
        assert await client.secret_exists(PushRemoteRef("DOC"))
        assert await client.secret_exists(PushRemoteRef("DOC", "n.k"))
        assert not await client.secret_exists(PushRemoteRef("DOC", "x"))
        assert not await client.secret_exists(PushRemoteRef("NONE"))
        assert not await client.secret_exists(PushRemoteRef("NONE", "x"))
        with pytest.raises(InvalidRequestError, match="JSON object"):
            await client.secret_exists(PushRemoteRef("DB", "x"))


async def test_the_project_is_looked_up_once_and_again_when_it_is_another(case: Case) -> None:
    case.infisical.workspaces = True
    async with case.lend() as client:
        await client.push_secret(source(k="1"), entry("NEW", "k"))
        await client.push_secret(source(k="2"), entry("NEW", "k"))
        assert sum("/slug/" in line for line in case.infisical.seen) == 2
        case.infisical.project = "project-2"
        await client.push_secret(source(k="3"), entry("NEW", "k"))
    assert case.infisical.secrets["/"]["NEW"] == "3"
    assert case.counted("GetWorkspaceBySlug") == 2


async def test_a_project_that_is_missing(case: Case) -> None:
    async with case.lend(projectSlug="nowhere") as client:
        with pytest.raises(InvalidRequestError, match="projectSlug"):
            await client.push_secret(source(k="1"), entry("NEW", "k"))


# 5. The store


async def test_validate_lists_the_scope(case: Case) -> None:
    assert InfisicalProvider.capabilities is Capabilities.READ_WRITE
    async with case.lend(secretsPath="/a", recursive=True) as client:
        assert await client.validate() is ValidationResult.READY
        assert "secretPath=/a&recursive=true" in case.infisical.seen[-1]
        case.infisical.secret, case.infisical.valid = "changed", set()
        with pytest.raises(AccessDeniedError):
            await client.validate()


@pytest.mark.parametrize(
    ("more", "cluster", "text"),
    [
        ({"secretsScope": {**SCOPE, "projectSlug": ""}}, False, "projectSlug"),
        ({"secretsScope": {**SCOPE, "environmentSlug": ""}}, False, "environmentSlug"),
        ({"auth": {"universalAuthCredentials": {"clientId": ref(""), "clientSecret": ref("s")}}}, False, "clientId"),
        (
            {"auth": {"universalAuthCredentials": {"clientId": ref("c"), "clientSecret": ref("s", namespace="other")}}},
            False,
            "namespace",
        ),
        ({"auth": {"awsAuthCredentials": {"identityId": ref("i", namespace="other")}}}, False, "namespace"),
        (
            {"auth": {"ociAuthCredentials": {**OCI, "privateKeyPassphrase": ref("p", namespace="other")}}},
            False,
            "namespace",
        ),
        ({"hostAPI": "https://[::1"}, False, "hostAPI must be a URL"),
        ({"hostAPI": "infisical.example.com/api"}, False, "hostAPI must be a URL"),
        ({"caProvider": {"type": "Secret", "name": "a", "key": "b"}}, True, "missing namespace"),
        ({"caProvider": {"type": "Secret", "name": "a", "key": "b", "namespace": "other"}}, False, "namespace"),
    ],
)
async def test_static_checks(case: Case, more: dict[str, Any], cluster: bool, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        case.stores.check({**case.spec(), **more}, cluster=cluster)
    for auth, _, _ in METHODS.values():
        assert case.stores.check(case.spec(auth)) == []


async def test_a_cluster_store_takes_credentials_of_the_consumer(case: Case) -> None:
    assert case.stores.check(case.spec(), cluster=True) == []
    spec = case.stores.provider.spec_type.model_validate(case.spec())
    assert case.stores.provider.is_referent(spec)
    fixed = {"tokenAuthCredentials": {"accessToken": ref("static", namespace="app")}}
    assert not case.stores.provider.is_referent(case.stores.provider.spec_type.model_validate(case.spec(fixed)))
    async with case.lend(cluster=True) as client:
        assert await value(client, "DB") == "canary-db"


# 6. Remote calls


async def test_a_broken_connection_is_tried_again(case: Case) -> None:
    async with case.lend(TOKEN) as client:
        case.infisical.drops = 3
        assert await value(client, "DB") == "canary-db"
        case.infisical.drops = 99
        assert isinstance(await refused(client, "DOC"), UnavailableError)
        case.infisical.seen, case.infisical.drops = [], 0
        assert await client.secret_exists(PushRemoteRef("DB"))
    assert len(case.infisical.seen) == 1


async def test_what_may_have_been_written_is_not_sent_twice(case: Case) -> None:
    async with case.lend(TOKEN) as client:
        case.infisical.cut = "PATCH"
        with pytest.raises(UnavailableError):
            await client.push_secret(source(k="new"), entry("DB", "k"))
    assert case.infisical.seen.count("DROPPED PATCH") == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ((429, {"Retry-After": "3"}, b"canary"), ThrottledError),
        ((500, {}, b"canary"), UnavailableError),
        ((403, {}, b"canary"), AccessDeniedError),
        ((401, {}, b"canary"), AccessDeniedError),
        ((400, {}, b"canary"), InvalidRequestError),
        ((200, {}, b"canary"), ProviderError),
        ((200, {}, b'["canary"]'), ProviderError),
        ((200, {}, b'{"secret": ["canary"]}'), ProviderError),
    ],
)
async def test_faults(case: Case, fault: Any, error: type[ProviderError], caplog: pytest.LogCaptureFixture) -> None:
    for auth in (UNIVERSAL, TOKEN):
        case.infisical.fault = fault
        async with case.lend(auth) as client:
            assert isinstance(await refused(client, "DB"), error)
            with pytest.raises(error) as caught:
                await client.push_secret(source(k="canary-v"), entry("DB", "k"))
            assert "canary" not in told(caught.value) + caplog.text
            with pytest.raises(error) as caught:
                await found(client)
            assert "canary" not in told(caught.value) + caplog.text
            case.infisical.fault = None


async def test_credentials_never_follow_a_redirect(case: Case) -> None:
    elsewhere = Infisical()
    async with serving(elsewhere), case.lend() as client:
        case.infisical.fault = (307, {"Location": f"{elsewhere.url}/canary"}, b"")
        error = await refused(client, "DB")
    assert isinstance(error, InvalidRequestError)
    assert "hostAPI" in str(error)
    assert elsewhere.seen == []
