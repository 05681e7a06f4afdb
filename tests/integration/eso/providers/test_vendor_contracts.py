"""The contract and the faults that every provider is checked for, by a server that speaks the API of its vendor.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from eso.errors import NoSecretError, ProviderError
from eso.providers.base import FindRef, Provider
from eso.providers.doppler.provider import DopplerProvider
from eso.providers.github.provider import GithubProvider
from eso.providers.gitlab.provider import GitlabProvider
from eso.providers.infisical.provider import InfisicalProvider
from eso.providers.onepassword.provider import OnePasswordProvider
from eso.providers.scaleway.provider import ScalewayProvider
from eso.providers.testing import CHECKS, FAULTS, Subject, run_check, run_fault
from reconcile.api.core_v1 import Namespace, Secret
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.client.client import Client
from reconcile.testing.apiserver import ApiServer
from tests.support.faultbench import connector, trusting
from tests.support.gate import Gate
from tests.support.vendors.doppler import Doppler
from tests.support.vendors.github import Github
from tests.support.vendors.gitlab import Gitlab
from tests.support.vendors.infisical import Infisical
from tests.support.vendors.onepassword import Connect
from tests.support.vendors.scaleway import Scaleway
from tests.support.vendors.tokenserver import TokenServer, serving

VALUE = '{"user":"ann","password":"canary-value"}'
PROJECT = "11111111-2222-3333-4444-555555555555"
DATABASE: dict[str, Any] = {
    "key": "DB",
    "missing": "NONE",
    "value": VALUE.encode(),
    "property_name": "password",
    "property_value": b"canary-value",
}
REF = {"name": "credentials", "key": "token"}

_NOT_MISSING = "a secret that is not there is a plain error, so that nothing is deleted"
UPSTREAM: dict[str, dict[str, str]] = {
    "doppler": {
        "selects properties": "properties do not matter",
        "misses absent secrets": _NOT_MISSING,
        "extracts": _NOT_MISSING,
        "serves many at once": _NOT_MISSING,
        "writes as claimed": "the status says ReadOnly though it writes, and IfNotExists is not supported",
    },
    "gitlab": {
        "misses absent secrets": _NOT_MISSING,
        "extracts": _NOT_MISSING,
        "serves many at once": _NOT_MISSING,
    },
    "onepassword": {
        "misses absent secrets": _NOT_MISSING,
        "extracts": _NOT_MISSING,
        "serves many at once": _NOT_MISSING,
    },
    "scaleway": {"writes as claimed": "IfNotExists is not supported"},
}


@dataclass
class Vendor:
    """A vendor's server, how a store points to it, and what ends its credentials."""

    server: TokenServer
    provider: Callable[[str], Provider[Any]]
    spec: Callable[[Gate], dict[str, Any]]
    token: str
    expire: Callable[[], None] | None = None
    more: dict[str, Any] = field(default_factory=dict)


def doppler() -> Vendor:
    server = Doppler(secrets={"DB": VALUE})
    auth = {"secretRef": {"dopplerToken": REF}}
    return Vendor(
        server,
        lambda url: DopplerProvider({"DOPPLER_BASE_URL": url}),
        lambda gate: {"project": "backend", "config": "prd", "auth": auth},
        "dp.canary",
        more={"find": FindRef(name_regexp="^DB$")},
    )


def gitlab() -> Vendor:
    return Vendor(
        Gitlab(variables={"projects/7": [("DB", VALUE, "*")]}),
        lambda url: GitlabProvider(),
        lambda gate: {
            "url": gate.url,
            "caBundle": trusting(gate.ca),
            "auth": {"SecretRef": {"accessToken": REF}},
            "projectID": "7",
        },
        "canary-token",
        more={"find": FindRef(name_regexp="^DB$"), "absent_property": ProviderError},
    )


def scaleway() -> Vendor:
    data = base64.b64encode(VALUE.encode()).decode()
    keys = {"accessKey": {"value": "SCW"}, "secretKey": {"secretRef": REF}}
    return Vendor(
        Scaleway(secrets=[{"id": "a", "name": "DB", "path": "/", "versions": [data]}]),
        lambda url: ScalewayProvider(),
        lambda gate: {"apiUrl": gate.url, "region": "fr-par", "projectId": PROJECT, **keys},
        "canary-key",
        more={
            "key": "name:DB",
            "missing": "name:none",
            "find": FindRef(name_regexp="^DB$"),
            "push_key": "name:pushed",
            "absent_property": NoSecretError,
        },
    )


def github() -> Vendor:
    server = Github()
    auth = {"privateKey": REF}
    return Vendor(
        server,
        lambda url: GithubProvider(f"{url}/"),
        lambda gate: {"appID": 12, "installationID": 34, "organization": "acme", "auth": auth},
        server.pem(),
        expire=server.valid.clear,
        more={"push_key": "PUSHED"},
    )


def infisical() -> Vendor:
    server = Infisical(secrets={"/": {"DB": VALUE}}, secret="canary-token")
    login = {"clientId": {**REF, "key": "client"}, "clientSecret": REF}
    return Vendor(
        server,
        lambda url: InfisicalProvider(pause=0.01),
        lambda gate: {
            "hostAPI": gate.url,
            "caBundle": trusting(gate.ca),
            "auth": {"universalAuthCredentials": login},
            "secretsScope": {"projectSlug": "app", "environmentSlug": "prod"},
        },
        "canary-token",
        expire=server.valid.clear,
        more={"find": FindRef(name_regexp="^DB$"), "push_key": "PUSHED", "absent_property": ProviderError},
    )


def onepassword() -> Vendor:
    server = Connect()
    server.item(server.vault("prod"), "DB", ("password", "canary-value"), ("user", "canary-user"))
    auth = {"secretRef": {"connectTokenSecretRef": REF}}
    return Vendor(
        server,
        lambda url: OnePasswordProvider(pause=0.01),
        lambda gate: {"connectHost": gate.url, "vaults": {"prod": 1}, "auth": auth},
        "canary-token",
        more={
            "value": b"canary-value",
            "property_name": "user",
            "property_value": b"canary-user",
            "absent_property": ProviderError,
            "find": FindRef(path="DB"),
            "push_key": "pushed",
            "push_property": "secret",
        },
    )


VENDORS: dict[str, Callable[[], Vendor]] = {
    "doppler": doppler,
    "gitlab": gitlab,
    "scaleway": scaleway,
    "github": github,
    "infisical": infisical,
    "onepassword": onepassword,
}


@asynccontextmanager
async def signed_out(expire: Callable[[], None]) -> AsyncIterator[None]:
    """Tokens got by signing in are no longer valid."""
    expire()
    yield


@asynccontextmanager
async def refusing(server: TokenServer) -> AsyncIterator[None]:
    """The credentials of the store are no longer valid."""
    if isinstance(server, Gitlab):
        server.faults = [(401, {})] * 9
    server.fault = (401, {}, b"canary-value")
    try:
        yield
    finally:
        server.fault = None
        if isinstance(server, Gitlab):
            server.faults = []


@asynccontextmanager
async def backend(name: str, fault: str = "") -> AsyncIterator[Subject]:
    vendor = VENDORS[name]()
    async with (
        serving(vendor.server),
        Gate(vendor.server.url, "canary-value") as gate,
        ApiServer(listen=False) as server,
        Client(server.transport) as kube,
    ):
        await kube.create(Namespace(metadata=ObjectMeta(name="app")))
        data = {"token": vendor.token.encode(), "client": b"client"}
        await kube.create(Secret(metadata=ObjectMeta(name="credentials", namespace="app"), data=data))
        provider = vendor.provider(gate.url)
        failures: dict[str, Callable[[], AbstractAsyncContextManager[object]]] = {
            **gate.failures,
            "rotated credentials": partial(refusing, vendor.server),
        }
        exempt = {"expired token": "the token in the Secret is the credential, there is no session"}
        if vendor.expire is not None:
            failures["expired token"] = partial(signed_out, vendor.expire)
            exempt = {}
        async with connector(provider, vendor.spec(gate), kube, fault, ca=gate.ca) as connect:
            yield Subject(
                provider,
                connect,
                credentials=[b"canary", b"PRIVATE KEY"],
                failures=failures,
                exempt=exempt,
                **{**DATABASE, **vendor.more},
            )


CASES = [(name, check) for name in VENDORS for check in CHECKS if check not in UPSTREAM.get(name, {})]


@pytest.mark.parametrize(("name", "check"), CASES)
async def test_contract(name: str, check: str) -> None:
    async with backend(name) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", VENDORS)
async def test_fault(name: str, fault: str) -> None:
    async with backend(name, fault) as subject:
        await run_fault(fault, subject)
