"""The contract and the faults that every provider is checked for, by a server that speaks the API of its vendor.

Where the behaviour of External Secrets Operator is not that of the contract, `UPSTREAM` says so.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from eso.errors import NoSecretError, ProviderError
from eso.providers.base import FindRef
from eso.providers.doppler.provider import DopplerProvider
from eso.providers.github.provider import GithubProvider
from eso.providers.gitlab.provider import GitlabProvider
from eso.providers.infisical.provider import InfisicalProvider
from eso.providers.onepassword.provider import OnePasswordProvider
from eso.providers.scaleway.provider import ScalewayProvider
from eso.providers.testing import CHECKS, FAULTS, run_check, run_fault
from tests.support.faultbench import trusting
from tests.support.vendorcontract import NOT_MISSING, REF, VALUE, Vendor, backend, refusing
from tests.support.vendors.doppler import Doppler
from tests.support.vendors.github import Github
from tests.support.vendors.gitlab import Gitlab
from tests.support.vendors.infisical import Infisical
from tests.support.vendors.onepassword import Connect
from tests.support.vendors.scaleway import Scaleway

PROJECT = "11111111-2222-3333-4444-555555555555"

UPSTREAM: dict[str, dict[str, str]] = {
    "doppler": {
        **NOT_MISSING,
        "selects properties": "properties do not matter",
        "writes as claimed": "the status says ReadOnly though it writes, and IfNotExists is not supported",
    },
    "gitlab": NOT_MISSING,
    "onepassword": NOT_MISSING,
    "scaleway": {"writes as claimed": "IfNotExists is not supported"},
}


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


@asynccontextmanager
async def _gitlab_refusing(server: Gitlab) -> AsyncIterator[None]:
    server.faults = [(401, {})] * 9
    async with refusing(server):
        yield
    server.faults = []


def gitlab() -> Vendor:
    server = Gitlab(variables={"projects/7": [("DB", VALUE, "*")]})
    return Vendor(
        server,
        lambda url: GitlabProvider(),
        lambda gate: {
            "url": gate.url,
            "caBundle": trusting(gate.ca),
            "auth": {"SecretRef": {"accessToken": REF}},
            "projectID": "7",
        },
        "canary-token",
        refuse=lambda: _gitlab_refusing(server),
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
        secrets={"client": b"client"},
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


CASES = [(name, check) for name in VENDORS for check in CHECKS if check not in UPSTREAM.get(name, {})]


@pytest.mark.parametrize(("name", "check"), CASES)
async def test_contract(name: str, check: str) -> None:
    async with backend(VENDORS[name]()) as subject:
        await run_check(check, subject)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", VENDORS)
async def test_fault(name: str, fault: str) -> None:
    async with backend(VENDORS[name](), fault) as subject:
        await run_fault(fault, subject)
