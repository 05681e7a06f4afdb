"""Static checks of `spec.provider.vault`, and when a store depends on its consumer's namespace."""

from __future__ import annotations

from typing import Any

import pytest

from eso.errors import InvalidSpecError
from eso.providers.vault.provider import VaultProvider
from eso.providers.vault.spec import VaultSpec

HERE: dict[str, Any] = {"name": "s", "key": "k"}
ELSEWHERE = {**HERE, "namespace": "elsewhere"}
ACCOUNT = {"name": "a"}


def spec(auth: dict[str, Any] | None = None, **more: Any) -> VaultSpec:
    return VaultSpec.model_validate({"server": "https://vault", **({"auth": auth} if auth else {}), **more})


def auth_with(ref: dict[str, Any]) -> list[dict[str, Any]]:
    """Every method whose references make a store referent, with that reference in each place."""
    aws = {"accessKeyIDSecretRef": ref, "secretAccessKeySecretRef": ref, "sessionTokenSecretRef": ref}
    account = {name: value for name, value in ref.items() if name != "key"}
    return [
        {"tokenSecretRef": ref},
        {"appRole": {"path": "p", "roleId": "r", "secretRef": ref}},
        {"kubernetes": {"mountPath": "p", "role": "r", "secretRef": ref}},
        {"kubernetes": {"mountPath": "p", "role": "r", "serviceAccountRef": account}},
        {"ldap": {"path": "p", "username": "u", "secretRef": ref}},
        {"userPass": {"path": "p", "username": "u", "secretRef": ref}},
        {"jwt": {"path": "p", "secretRef": ref}},
        {"jwt": {"path": "p", "kubernetesServiceAccountToken": {"serviceAccountRef": account}}},
        {"cert": {"clientCert": ref, "secretRef": ref}},
        {"iam": {"vaultRole": "r", "jwt": {"serviceAccountRef": account}}},
        {"iam": {"vaultRole": "r", "secretRef": aws}},
    ]


def name_of(auth: dict[str, Any]) -> str:
    (method,) = auth
    return f"{method}-{'-'.join(auth[method])}"


@pytest.mark.parametrize("auth", auth_with(ELSEWHERE), ids=name_of)
def test_a_namespaced_store_may_not_point_elsewhere(auth: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpecError, match="namespace should either be empty or match"):
        VaultProvider().validate_store(spec(auth), store_kind="SecretStore", store_namespace="app")
    provider = VaultProvider()
    assert not provider.validate_store(spec(auth), store_kind="ClusterSecretStore", store_namespace="")
    assert not provider.validate_store(spec(auth), store_kind="SecretStore", store_namespace="elsewhere")
    assert not provider.is_referent(spec(auth))


@pytest.mark.parametrize("auth", auth_with(HERE), ids=name_of)
def test_referent(auth: dict[str, Any]) -> None:
    assert VaultProvider().is_referent(spec(auth))
    assert not VaultProvider().validate_store(spec(auth), store_kind="ClusterSecretStore", store_namespace="")


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {"appRole": {"path": "p", "roleRef": HERE, "secretRef": ELSEWHERE}},
        {"cert": {"clientCert": HERE, "secretRef": ELSEWHERE}},
        {"gcp": {"role": "r", "secretRef": {"secretAccessKeySecretRef": HERE}}},
    ],
)
def test_not_referent(auth: dict[str, Any] | None) -> None:
    assert not VaultProvider().is_referent(spec(auth))


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        (spec({"appRole": {"path": "p", "secretRef": HERE}}), "roleId or roleRef"),
        (spec({"appRole": {"path": "p", "roleRef": ELSEWHERE, "secretRef": HERE}}), "auth.appRole.roleRef"),
        (spec({"jwt": {"path": "p"}}), "secretRef or kubernetesServiceAccountToken"),
        (spec(tls={"certSecretRef": HERE}), "both"),
        (spec(tls={"keySecretRef": HERE}), "both"),
        (spec(tls={"keySecretRef": HERE, "certSecretRef": ELSEWHERE}), "tls.certSecretRef"),
        (spec(version="v1", checkAndSet={"required": True}), "v2"),
    ],
)
def test_broken_specs(broken: VaultSpec, text: str) -> None:
    with pytest.raises(InvalidSpecError, match=text):
        VaultProvider().validate_store(broken, store_kind="SecretStore", store_namespace="app")


@pytest.mark.parametrize(
    "fine",
    [
        spec(),
        spec(tls={"keySecretRef": HERE, "certSecretRef": HERE}),
        spec(version="v2", checkAndSet={"required": True}),
        spec(version="v1", checkAndSet={"required": False}),
        spec({"appRole": {"path": "p", "roleId": "r", "roleRef": ELSEWHERE, "secretRef": HERE}}),
    ],
)
def test_specs_that_work(fine: VaultSpec) -> None:
    assert not VaultProvider().validate_store(fine, store_kind="SecretStore", store_namespace="app")
