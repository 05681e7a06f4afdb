"""The static check of a store."""

from __future__ import annotations

from typing import Any

import pytest

from eso.errors import InvalidSpecError
from eso.providers.pulumi.provider import PulumiProvider
from tests.support.providerbench import ProviderBench

NAMES = {"organization": "acme", "project": "web", "environment": "prod"}
REF = {"name": "pulumi", "key": "token"}
STATIC = {"accessToken": {"secretRef": REF}}
OIDC = {"organization": "acme", "serviceAccountRef": {"name": "robot"}}


@pytest.mark.parametrize(
    ("change", "cluster", "text"),
    [
        *(({name: ""}, False, f"{name} is required") for name in NAMES),
        ({"apiUrl": "pulumi.example.com"}, False, "apiUrl must be like"),
        ({"auth": None}, False, "no authentication method configured"),
        ({"auth": {}}, False, "no authentication method configured"),
        ({"accessToken": {"secretRef": REF}}, False, "only one authentication method"),
        ({"auth": {**STATIC, "oidcConfig": OIDC}}, False, "only one authentication method"),
        ({"auth": {"accessToken": {}}}, False, "secretRef is required"),
        ({"auth": {"accessToken": {"secretRef": {"key": "a"}}}}, False, "secretRef.name is required"),
        ({"auth": {"accessToken": {"secretRef": {"name": "a"}}}}, False, "secretRef.key is required"),
        (
            {"auth": {"accessToken": {"secretRef": {**REF, "namespace": "b"}}}},
            False,
            "namespace should either be empty",
        ),
        ({"auth": {"oidcConfig": {**OIDC, "organization": ""}}}, False, "oidcConfig.organization is required"),
        ({"auth": {"oidcConfig": {**OIDC, "serviceAccountRef": {"name": ""}}}}, False, "serviceAccountRef.name is"),
        ({"auth": {"oidcConfig": OIDC}}, True, "serviceAccountRef.namespace is required for ClusterSecretStore"),
        (
            {"auth": {"oidcConfig": {**OIDC, "serviceAccountRef": {"name": "a", "namespace": "b"}}}},
            False,
            "namespace should either be empty",
        ),
    ],
)
def test_validate_store(change: dict[str, Any], cluster: bool, text: str) -> None:
    found = ProviderBench(PulumiProvider(), None, {})  # type: ignore[arg-type]
    with pytest.raises(InvalidSpecError, match=text):
        found.check({**NAMES, "auth": STATIC, **change}, cluster=cluster)


def test_stores_that_are_right() -> None:
    found = ProviderBench(PulumiProvider(), None, {})  # type: ignore[arg-type]
    for method in ({"auth": STATIC}, {"auth": {"oidcConfig": OIDC}}, {"accessToken": {"secretRef": REF}}):
        assert found.check({**NAMES, **method}) == []
