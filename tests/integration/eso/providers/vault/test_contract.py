"""The contract and the faults that every provider is checked for, of `vault` and `openBao` at a real Vault."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from eso.errors import ProviderError
from eso.providers.base import FindRef, Provider
from eso.providers.openbao.provider import OpenBaoProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from eso.providers.vault.provider import VaultProvider
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.integration.eso.providers.vault.conftest import NUMBERS
from tests.support.faultbench import connector, trusting
from tests.support.gate import Gate
from tests.support.vault import Vault

VALUE = {"password": "canary-value", "user": "ann"}
SECRET = "canary-secret-id"


class Role:
    """An AppRole with a secret id, which can lose tokens and secret id, and a mount that it may use."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.mount, self.secrets = f"role{next(NUMBERS)}", f"kv{next(NUMBERS)}"
        vault.mount(self.secrets, 2)
        vault.call("PUT", f"{self.secrets}/data/db", {"data": VALUE})
        vault.enable("approle", self.mount)
        everything = ["create", "read", "update", "delete", "list"]
        vault.policy(self.mount, **{f"{self.secrets}__STAR": everything, "sys__internal__ui__mounts__STAR": ["read"]})
        self._call("", {"token_policies": self.mount})
        self._call("/role-id", {"role_id": "role"})
        self._call("/custom-secret-id", {"secret_id": SECRET})

    def _call(self, path: str, body: dict[str, str]) -> None:
        self._vault.call("PUT", f"auth/{self.mount}/role/reader{path}", body)

    def sign_out(self) -> None:
        self._vault.call("PUT", f"sys/leases/revoke-prefix/auth/{self.mount}", {"sync": True})

    def spec(self, gate: Gate) -> dict[str, Any]:
        role = {"path": self.mount, "roleId": "role", "secretRef": {"name": "role", "key": "secret"}}
        return {
            "server": gate.url,
            "path": self.secrets,
            "version": "v2",
            "caBundle": trusting(gate.ca),
            "auth": {"appRole": role},
        }

    @asynccontextmanager
    async def expired(self) -> AsyncIterator[None]:
        self.sign_out()
        yield

    @asynccontextmanager
    async def rotated(self) -> AsyncIterator[None]:
        self._call("/secret-id/destroy", {"secret_id": SECRET})
        self.sign_out()
        try:
            yield
        finally:
            self._call("/custom-secret-id", {"secret_id": SECRET})


@pytest.fixture(scope="module")
def role(real_vault: Vault) -> Role:
    return Role(real_vault)


@asynccontextmanager
async def backend(vault: Vault, role: Role, provider: Provider[Any], fault: str = "") -> AsyncIterator[Subject]:
    async with (
        Gate(vault.url, VALUE["password"]) as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        await kube.create(Secret(metadata=ObjectMeta(name="role", namespace="app"), data={"secret": SECRET.encode()}))
        writes = isinstance(provider, VaultProvider)
        async with connector(provider, role.spec(gate), kube, fault) as connect:
            yield Subject(
                provider,
                connect,
                key="db",
                value=json.dumps(VALUE, separators=(",", ":")).encode(),
                property_name="password",
                property_value=VALUE["password"].encode(),
                missing="gone",
                credentials=[SECRET.encode(), b"hvs."],
                failures={**gate.failures, "expired token": role.expired, "rotated credentials": role.rotated},
                find=FindRef(name_regexp="^db$"),
                absent_property=ProviderError,
                push_key="pushed" if writes else "",
                push_property="text" if writes else "",
            )


PROVIDERS = [partial(VaultProvider, {}), partial(OpenBaoProvider, 0.01)]


@pytest.mark.parametrize("provider", PROVIDERS, ids=["vault", "openBao"])
@pytest.mark.parametrize("check", CHECKS)
async def test_contract(real_vault: Vault, role: Role, provider: Any, check: str) -> None:
    async with backend(real_vault, role, provider()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("provider", PROVIDERS, ids=["vault", "openBao"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_fault(real_vault: Vault, role: Role, provider: Any, fault: str) -> None:
    async with backend(real_vault, role, provider(), fault) as subject:
        await run_fault(fault, subject)
