"""Each generator that asks a vendor for a token, with the server it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import PrivateFormat

from eso.generators.acraccesstoken import ACRAccessTokenGenerator
from eso.generators.base import Generator
from eso.generators.beyondtrustworkloadcredentialsdynamicsecret import (
    BeyondtrustWorkloadCredentialsDynamicSecretGenerator,
)
from eso.generators.githubaccesstoken import GithubAccessTokenGenerator
from eso.generators.gitlabdeploytoken import GitlabDeployTokenGenerator
from eso.generators.grafana import GrafanaGenerator
from eso.generators.quayaccesstoken import QuayAccessTokenGenerator
from tests.support.generatorcontext import GeneratorBench
from tests.support.vendors.beyondtrustworkloadcredentials import SITE, BeyondtrustLeases
from tests.support.vendors.githubapp import GithubApp
from tests.support.vendors.gitlabtokens import GitlabTokens
from tests.support.vendors.grafana import Grafana
from tests.support.vendors.registries import Azure, Quay
from tests.support.vendors.tokenserver import TokenServer, serving

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def against(vendor: TokenServer, story: Callable[[], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        async with serving(vendor):
            return await story()

    return asyncio.run(go())


class Github:
    def __init__(self) -> None:
        self.vendor = GithubApp(now=NOW.timestamp())
        self.bench = GeneratorBench(
            {
                "app": {
                    "key": self.vendor.pem(),
                    "pkcs1": self.vendor.pem(PrivateFormat.TraditionalOpenSSL),
                    "bad": "canary-no-key",
                }
            }
        )
        self.generator = GithubAccessTokenGenerator(lambda: NOW)

    def spec(self, key: str = "key", **changes: Any) -> dict[str, Any]:
        ref = {"secretRef": {"name": "app", "key": key}}
        return {"url": self.vendor.url, "appID": "12", "installID": "34", "auth": {"privateKey": ref}, **changes}

    def generate(self, key: str = "key", **changes: Any) -> Any:
        return against(self.vendor, lambda: self.bench.generate(self.generator, self.spec(key, **changes)))


class Gitlab:
    def __init__(self) -> None:
        self.vendor = GitlabTokens()
        self.bench = GeneratorBench({"admin": {"t": "canary-admin"}})
        self.generator = GitlabDeployTokenGenerator()

    def spec(self, **changes: Any) -> dict[str, Any]:
        spec = {
            "url": f"{self.vendor.url}//",
            "projectID": "group/pro ject",
            "name": "deploy",
            "scopes": ["read_registry"],
            "auth": {"token": {"secretRef": {"name": "admin", "key": "t"}}},
            **changes,
        }
        return {key: value for key, value in spec.items() if value is not None}


class GrafanaCase:
    def __init__(self, prefix: str = "") -> None:
        self.vendor = Grafana(prefix=prefix)
        self.bench = GeneratorBench({"admin": {"t": "canary-admin", "p": "canary-password", "w": "canary-wrong"}})
        self.generator = GrafanaGenerator()

    def spec(self, **changes: Any) -> dict[str, Any]:
        return {
            "url": self.vendor.url + self.vendor.prefix,
            "auth": {"token": {"name": "admin", "key": "t"}},
            "serviceAccount": {"name": "robot", "role": "Viewer"},
            **changes,
        }


class RegistryCase:
    def __init__(self, vendor: TokenServer, generator: Generator[Any]) -> None:
        self.vendor = vendor
        self.generator = generator
        annotations = {
            "azure.workload.identity/client-id": "client",
            "azure.workload.identity/tenant-id": "tenant",
        }
        self.bench = GeneratorBench(
            {"azure": {"id": " client\n", "secret": "canary-secret\n", "wrong": "canary-wrong"}},
            {"app": annotations, "plain": {}},
        )

    def generate(self, spec: Callable[[], dict[str, Any]]) -> dict[str, str]:
        values, state = against(self.vendor, lambda: self.bench.generate(self.generator, spec()))
        assert state is None
        assert isinstance(values, dict)
        return values


def quay(**options: Any) -> RegistryCase:
    return RegistryCase(Quay(**options), QuayAccessTokenGenerator(scheme="http"))


def cloudsmith_spec(case: RegistryCase) -> dict[str, Any]:
    return {
        "apiUrl": f"{case.vendor.url}/",
        "orgSlug": "my-org",
        "serviceSlug": "ci",
        "serviceAccountRef": {"name": "app", "audiences": ["c"]},
    }


def azure(environ: dict[str, str] | None = None) -> RegistryCase:
    vendor = Azure()
    case = RegistryCase(vendor, ACRAccessTokenGenerator(scheme="http"))

    class Located(ACRAccessTokenGenerator):
        async def generate(self, spec: Any, context: Any) -> Any:
            self.__init__("http", vendor.url, vendor.url, environ or {})  # type: ignore[misc]
            return await super().generate(spec, context)

    case.generator = Located()
    return case


def acr_spec(case: RegistryCase, auth: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"registry": case.vendor.host, "tenantId": "tenant", "auth": auth, **changes}


def beyondtrust_spec(case: RegistryCase, path: str) -> dict[str, Any]:
    return {
        "provider": {
            "auth": {"apikey": {"token": {"name": "bt", "key": "t"}}},
            "server": {"apiUrl": f"{case.vendor.url}/api", "siteId": SITE},
            "folderPath": path,
        }
    }


def beyondtrust(**options: Any) -> RegistryCase:
    case = RegistryCase(BeyondtrustLeases(**options), BeyondtrustWorkloadCredentialsDynamicSecretGenerator())
    case.bench = GeneratorBench({"bt": {"t": "canary-api"}})
    return case


PRINCIPAL = {
    "servicePrincipal": {
        "secretRef": {"clientId": {"name": "azure", "key": "id"}, "clientSecret": {"name": "azure", "key": "secret"}}
    }
}
