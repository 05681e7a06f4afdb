"""The static rules of an AWS store."""

from __future__ import annotations

from typing import Any

import pytest

from eso.errors import InvalidSpecError
from eso.providers.aws.provider import AWSProvider
from eso.providers.aws.spec import AWSSpec
from eso.providers.base import Capabilities, Maintenance

HOME = {"name": "keys", "key": "id"}
ELSEWHERE = {**HOME, "namespace": "elsewhere"}


def spec(**changes: Any) -> AWSSpec:
    return AWSSpec.model_validate({"service": "SecretsManager", "region": "eu-central-1", **changes})


def keys(selector: dict[str, str], field: str = "accessKeyIDSecretRef") -> dict[str, Any]:
    return {"auth": {"secretRef": {field: selector}}}


def account(**ref: str) -> dict[str, Any]:
    return {"auth": {"jwt": {"serviceAccountRef": {"name": "sa", **ref}}}}


def check(found: AWSSpec, kind: str = "SecretStore") -> None:
    AWSProvider({}).validate_store(found, store_kind=kind, store_namespace="app")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"region": "us-gov-west-1"},
        {"secretsManager": {"recoveryWindowInDays": 0}},
        {"secretsManager": {"recoveryWindowInDays": 7}},
        {"secretsManager": {"recoveryWindowInDays": 30}},
        {"secretsManager": {"forceDeleteWithoutRecovery": True}},
        {"secretsManager": {"forceDeleteWithoutRecovery": False, "recoveryWindowInDays": 8}},
        keys(HOME),
        keys({**HOME, "namespace": "app"}),
        account(),
    ],
)
def test_valid(changes: dict[str, Any]) -> None:
    check(spec(**changes))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"region": ""}, "region must be set"),
        ({"region": "eu central"}, "not valid"),
        ({"region": "eu.central"}, "not valid"),
        ({"region": "-eu"}, "not valid"),
        ({"region": "eu-central-1\n"}, "not valid"),
        ({"region": "a" * 64}, "not valid"),
        ({"secretsManager": {"recoveryWindowInDays": 6}}, "between 7 and 30"),
        ({"secretsManager": {"recoveryWindowInDays": 31}}, "between 7 and 30"),
        ({"secretsManager": {"forceDeleteWithoutRecovery": True, "recoveryWindowInDays": 7}}, "conflict"),
        *(
            (keys(ELSEWHERE, field), "should either be empty or match")
            for field in ("accessKeyIDSecretRef", "secretAccessKeySecretRef", "sessionTokenSecretRef")
        ),
        (account(namespace="elsewhere"), "should either be empty or match"),
    ],
)
def test_invalid(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        check(spec(**changes))


def test_unknown_service() -> None:
    with pytest.raises(InvalidSpecError, match="unknown service S3"):
        check(spec(service="S3"))


@pytest.mark.parametrize("changes", [keys(ELSEWHERE), account(namespace="elsewhere"), keys(HOME), account()])
def test_cluster_stores_may_point_anywhere_or_nowhere(changes: dict[str, Any]) -> None:
    check(spec(**changes), "ClusterSecretStore")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        (keys(HOME), True),
        (keys(ELSEWHERE), False),
        ({"auth": {"secretRef": {"accessKeyIDSecretRef": ELSEWHERE, "secretAccessKeySecretRef": HOME}}}, True),
        ({"auth": {"secretRef": {"accessKeyIDSecretRef": ELSEWHERE, "sessionTokenSecretRef": HOME}}}, True),
        (account(), True),
        (account(namespace="elsewhere"), False),
        ({"role": "r", "sessionTagsPolicy": "Simple"}, True),
        ({"role": "r", "sessionTagsPolicy": "Custom"}, True),
        ({"role": "r", "sessionTagsPolicy": "None"}, False),
        ({"sessionTagsPolicy": "Simple"}, False),
    ],
)
def test_referent(changes: dict[str, Any], expected: bool) -> None:
    assert AWSProvider({}).is_referent(spec(**changes)) is expected


def test_what_it_is() -> None:
    provider = AWSProvider({})
    assert (provider.name, provider.capabilities, provider.maintenance) == (
        "aws",
        Capabilities.READ_WRITE,
        Maintenance.MAINTAINED,
    )


@pytest.mark.parametrize(
    ("service", "limit"),
    [("SecretsManager", (100.0, 100)), ("ParameterStore", (40.0, 40)), ("CertificateManager", (10.0, 10))],
)
def test_rate_limits(service: str, limit: tuple[float, int]) -> None:
    assert AWSProvider({}).rate_limit_of(spec(service=service)) == limit
