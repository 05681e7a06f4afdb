"""generators/vault.md against a real Vault: engines, result types, methods, sign-ins, refusals."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, ProviderError
from eso.generators.vaultdynamicsecret import VaultDynamicSecretGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vault import Vault, vault_or_skip

RULES = {
    "kv__STAR": ["create", "read", "update", "delete", "list"],
    "old__STAR": ["create", "read", "update", "delete", "list"],
    "auth__approle__role__app__STAR": ["create", "update", "read"],
    "auth__token__create": ["create", "update"],
    "auth__token__lookup-self": ["read"],
}


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    for found in vault_or_skip():
        found.mount("kv", 2)
        found.mount("old", 1)
        found.call("PUT", "kv/data/k", {"data": {"n": "value"}})
        found.call("PUT", "old/k", {"text": "a", "n": 1, "yes": True, "list": [1, {"a": "<b>"}], "none": None})
        found.policy("app", **RULES)
        for method in ("approle", "userpass"):
            found.enable(method)
        found.call("POST", "auth/approle/role/app", {"token_policies": ["app"]})
        found.call("POST", "auth/userpass/users/app", {"password": "pw", "token_policies": ["app"]})
        yield found


def sign_ins(vault: Vault) -> dict[str, tuple[dict[str, Any], dict[str, str]]]:
    """Method -> (auth block, keys of the Secret `vault`)."""
    role = vault.call("GET", "auth/approle/role/app/role-id")["data"]["role_id"]
    secret = vault.call("POST", "auth/approle/role/app/secret-id", {})["data"]["secret_id"]
    token = vault.call("POST", "auth/token/create", {"policies": ["app"]})["auth"]["client_token"]
    ref = {"name": "vault", "key": "v"}
    return {
        "token": ({"tokenSecretRef": ref}, {"v": token}),
        "appRole": ({"appRole": {"path": "approle", "roleId": role, "secretRef": ref}}, {"v": secret}),
        "userPass": ({"userPass": {"path": "userpass", "username": "app", "secretRef": ref}}, {"v": "pw"}),
    }


def generate(vault: Vault, path: str, *, sign_in: str = "appRole", wrong: bool = False, **spec: Any) -> dict[str, str]:
    auth, secret = sign_ins(vault)[sign_in]
    bench = GeneratorBench({"vault": {"v": "canary-wrong"} if wrong else secret})
    provider = {"server": vault.url, "auth": auth}
    body = {"path": path, "provider": provider, **spec}
    values, state = asyncio.run(bench.generate(VaultDynamicSecretGenerator({}), body))
    assert state is None
    return values


@pytest.mark.parametrize("sign_in", ["token", "appRole", "userPass"])
def test_each_sign_in_reads_a_value(vault: Vault, sign_in: str) -> None:
    assert json.loads(generate(vault, "kv/data/k", sign_in=sign_in)["data"]) == {"n": "value"}


def test_values_are_converted(vault: Vault) -> None:
    assert generate(vault, "old/k") == {
        "text": "a",
        "n": "1",
        "yes": "true",
        "list": r'[1,{"a":"\u003cb\u003e"}]',
        "none": "",
    }


def test_get_parameters_choose_a_version(vault: Vault) -> None:
    for number in range(2):
        vault.call("PUT", "kv/data/versions", {"data": {"n": str(number)}})
    found = generate(vault, "kv/data/versions", method="GET", getParameters={"version": ["1"]})
    assert json.loads(found["data"]) == {"n": "0"}


def test_list(vault: Vault) -> None:
    assert json.loads(generate(vault, "old/", method="LIST")["keys"]) == ["k"]


def test_a_write_makes_a_new_credential_each_time(vault: Vault) -> None:
    path = "auth/approle/role/app/secret-id"
    made = [generate(vault, path, method="POST", parameters={"ttl": "10m", "num_uses": 1}) for _ in range(2)]
    assert made[0]["secret_id"] != made[1]["secret_id"]
    assert made[0]["secret_id_ttl"] == "600"
    assert made[0]["secret_id_num_uses"] == "1"


def test_raw_tells_of_wrapping(vault: Vault) -> None:
    raw = generate(vault, "auth/token/lookup-self", resultType="Raw")
    assert json.loads(raw["data"])["policies"] == ["app", "default"]
    assert raw["wrap_info"] == ""


def test_a_made_token_outlives_the_login_that_made_it(vault: Vault) -> None:
    made = generate(vault, "auth/token/create", method="POST", parameters={"ttl": "5m"}, resultType="Auth")
    assert made["renewable"] == "true"
    assert made["lease_duration"] == "300"
    assert "app" in json.loads(made["token_policies"])
    found = vault.call("GET", "auth/token/lookup-self", token=made["client_token"])
    assert found["data"]["accessor"] == made["accessor"]


def test_raw_is_the_whole_answer(vault: Vault) -> None:
    raw = generate(vault, "old/k", resultType="Raw")
    assert {"request_id", "lease_id", "lease_duration", "renewable", "data", "auth", "wrap_info", "warnings"} <= {*raw}
    assert json.loads(raw["data"])["text"] == "a"


@pytest.mark.parametrize(
    ("path", "spec"),
    [
        ("old/missing", {}),
        ("old/missing/", {"method": "LIST"}),
        ("old/written", {"method": "POST", "parameters": {"a": "b"}}),
        ("old/written", {"method": "DELETE"}),
    ],
)
def test_no_response(vault: Vault, path: str, spec: dict[str, Any]) -> None:
    assert generate(vault, path, allowEmptyResponse=True, **spec) == {}
    with pytest.raises(ProviderError, match="allowEmptyResponse"):
        generate(vault, path, **spec)


@pytest.mark.parametrize(
    ("path", "spec", "error"),
    [
        ("sys/mounts", {}, AccessDeniedError),
        ("kv/data/k", {"wrong": True}, EsoError),
        ("kv/data/k", {"wrong": True, "sign_in": "token"}, AccessDeniedError),
        (
            "auth/approle/role/app/secret-id",
            {"method": "POST", "parameters": {"ttl": "no duration"}},
            InvalidRequestError,
        ),
        ("old/k", {"resultType": "Auth"}, ProviderError),
    ],
)
def test_refusals(vault: Vault, path: str, spec: dict[str, Any], error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        generate(vault, path, **spec)
    assert "canary" not in repr(caught.value)


def test_retry_settings_bound_what_a_sealed_vault_costs(vault: Vault) -> None:
    vault.call("PUT", "sys/seal")
    try:
        bench = GeneratorBench({"vault": {"v": "t"}})
        auth = {"tokenSecretRef": {"name": "vault", "key": "v"}}
        body = {
            "path": "old/k",
            "provider": {"server": vault.url, "auth": auth},
            "retrySettings": {"maxRetries": 1, "retryInterval": "10ms"},
        }
        with pytest.raises(ProviderError):
            asyncio.run(bench.generate(VaultDynamicSecretGenerator({}), body))
    finally:
        vault.call("PUT", "sys/unseal", {"key": vault.unseal_key})
