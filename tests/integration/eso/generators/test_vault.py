"""generators/vault.md against a server that speaks Vault's API."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from eso.errors import AccessDeniedError, EsoError, InvalidRequestError, InvalidSpecError, ProviderError
from eso.generators.vaultdynamicsecret import VaultDynamicSecretGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.tokenserver import serving
from tests.support.vendors.vaultapi import VaultApi

DATA = {"username": "u", "n": 1, "big": 12345678901234567890, "yes": True, "none": None, "list": [1, {"a": "b"}]}
DATABASE = {"request_id": "r", "lease_id": "database/creds/x/1", "data": DATA, "auth": None}


def generate(
    engine: dict[str, Any], secret_id: str = "canary-secret-id", **spec: Any
) -> tuple[dict[str, str], VaultApi]:
    vault = VaultApi(engine=engine)
    bench = GeneratorBench({"vault": {"id": secret_id}})

    async def go() -> dict[str, str]:
        async with serving(vault):
            role = {"path": "approle", "roleId": "role", "secretRef": {"name": "vault", "key": "id"}}
            provider = {"server": vault.url, "auth": {"appRole": role}}
            body = {"path": "database/creds/x", "provider": provider, **spec}
            values, state = await bench.generate(VaultDynamicSecretGenerator({}), body)
            assert state is None
            return values

    return asyncio.run(go()), vault


def test_data_is_converted_and_the_lease_outlives_the_login() -> None:
    values, vault = generate({"GET database/creds/x": DATABASE})
    assert values == {
        "username": "u",
        "n": "1",
        "big": "12345678901234567890",
        "yes": "true",
        "none": "",
        "list": '[1,{"a":"b"}]',
    }
    assert not vault.revoked


def test_token_without_leases_is_revoked() -> None:
    _, vault = generate({"GET database/creds/x": {**DATABASE, "lease_id": ""}})
    assert vault.revoked


def test_result_types() -> None:
    auth = {"client_token": "hvs.made", "policies": ["a"], "renewable": False}
    engine = {"PUT auth/token/create": {"request_id": "r", "data": None, "auth": auth}}
    spec: dict[str, Any] = {"path": "/auth/token/create", "method": "POST"}
    values, vault = generate(engine, resultType="Auth", **spec)
    assert values == {"client_token": "hvs.made", "policies": '["a"]', "renewable": "false"}
    assert not vault.revoked
    raw, _ = generate(engine, resultType="Raw", **spec)
    assert raw["request_id"] == "r"
    assert json.loads(raw["auth"]) == auth
    assert generate(engine, resultType="Data", **spec)[0] == {}


@pytest.mark.parametrize(
    ("spec", "request_line", "query", "body"),
    [
        ({}, "GET", {}, None),
        ({"method": "GET", "getParameters": {"a": ["1"]}}, "GET", {"a": "1"}, None),
        ({"method": "LIST"}, "GET", {"list": "true"}, None),
        ({"method": "DELETE"}, "DELETE", {}, None),
        ({"method": "PUT", "parameters": {"ttl": "1h"}}, "PUT", {}, {"ttl": "1h"}),
        ({"method": "POST", "parameters": {"ttl": 1}}, "PUT", {}, {"ttl": 1}),
        ({"method": "get"}, "PUT", {}, {}),
    ],
)
def test_methods(spec: dict[str, Any], request_line: str, query: dict[str, str], body: Any) -> None:
    values, vault = generate({f"{request_line} database/creds/x": DATABASE}, **spec)
    assert values["username"] == "u"
    ((seen, sent),) = vault.bodies
    assert seen == query
    assert (json.loads(sent) if sent else None) == body


@pytest.mark.parametrize(
    ("method", "engine"),
    [("GET", {}), ("LIST", {}), ("PUT", {"PUT database/creds/x": None}), ("DELETE", {"DELETE database/creds/x": None})],
)
def test_empty_response(method: str, engine: dict[str, Any]) -> None:
    assert generate(engine, method=method, allowEmptyResponse=True)[0] == {}
    with pytest.raises(ProviderError, match="allowEmptyResponse"):
        generate(engine, method=method)


@pytest.mark.parametrize(
    ("spec", "secret_id", "error"),
    [
        ({"provider": {}}, "canary-secret-id", InvalidSpecError),
        ({"method": "PUT", "parameters": [1]}, "canary-secret-id", InvalidSpecError),
        ({"method": "PUT"}, "canary-secret-id", InvalidRequestError),
        ({"resultType": "Auth"}, "canary-secret-id", ProviderError),
        ({}, "canary-wrong", AccessDeniedError),
    ],
)
def test_refusals(spec: dict[str, Any], secret_id: str, error: type[EsoError]) -> None:
    with pytest.raises(error) as caught:
        generate({"GET database/creds/x": DATABASE}, secret_id, **spec)
    assert "canary" not in repr(caught.value)
