"""Checks of `spec.provider.vault` that talk to nobody, and whether it takes credentials from its consumer's namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from eso.api.meta_v1 import SecretKeySelector, ServiceAccountSelector
from eso.api.vault_v1 import VaultAuth, VaultIamAuth, VaultSpec
from eso.errors import InvalidSpecError

__all__ = ["check", "is_referent"]

Selector = SecretKeySelector | ServiceAccountSelector | None
Check = Callable[[Selector], None]


def check(spec: VaultSpec, selector_ok: Check) -> None:
    """Check a specification.

    Args:
        spec: the store.
        selector_ok: raises when a selector points where it may not.

    Raises:
        InvalidSpecError: the message names the field and the fix.
    """
    auth = spec.auth
    if auth is not None:
        _check_roles(auth)
        for field, selector in _selectors(auth):
            _checked(selector_ok, selector, field)
    tls = spec.tls
    if tls is not None:
        if (tls.cert_secret_ref is None) != (tls.key_secret_ref is None):
            raise InvalidSpecError("tls needs both certSecretRef and keySecretRef")
        _checked(selector_ok, tls.cert_secret_ref, "tls.certSecretRef")
        _checked(selector_ok, tls.key_secret_ref, "tls.keySecretRef")
    if spec.check_and_set is not None and spec.check_and_set.required and spec.version == "v1":
        raise InvalidSpecError("checkAndSet.required needs version v2")


def is_referent(spec: VaultSpec) -> bool:
    """Whether a selector without namespace makes the consumer's namespace count (in a ClusterSecretStore)."""
    auth = spec.auth
    if auth is None:
        return False
    exempt = {"auth.appRole.roleRef", "auth.cert.clientCert"}
    return any(
        selector is not None and selector.namespace is None
        for field, selector in _selectors(auth)
        if field not in exempt
    )


def _check_roles(auth: VaultAuth) -> None:
    if auth.app_role is not None and not auth.app_role.role_id and auth.app_role.role_ref is None:
        raise InvalidSpecError("auth.appRole needs roleId or roleRef")
    if auth.jwt is not None and auth.jwt.secret_ref is None and auth.jwt.kubernetes_service_account_token is None:
        raise InvalidSpecError("auth.jwt needs secretRef or kubernetesServiceAccountToken")


def _selectors(auth: VaultAuth) -> Iterator[tuple[str, Selector]]:
    """Fields that point to Secrets and ServiceAccounts."""
    yield "auth.tokenSecretRef", auth.token_secret_ref
    if auth.app_role is not None:
        yield "auth.appRole.secretRef", auth.app_role.secret_ref
        if not auth.app_role.role_id:
            yield "auth.appRole.roleRef", auth.app_role.role_ref
    if auth.kubernetes is not None:
        yield "auth.kubernetes.serviceAccountRef", auth.kubernetes.service_account_ref
        yield "auth.kubernetes.secretRef", auth.kubernetes.secret_ref
    if auth.ldap is not None:
        yield "auth.ldap.secretRef", auth.ldap.secret_ref
    if auth.user_pass is not None:
        yield "auth.userPass.secretRef", auth.user_pass.secret_ref
    if auth.jwt is not None:
        yield "auth.jwt.secretRef", auth.jwt.secret_ref
        if auth.jwt.kubernetes_service_account_token is not None:
            account = auth.jwt.kubernetes_service_account_token.service_account_ref
            yield "auth.jwt.kubernetesServiceAccountToken.serviceAccountRef", account
    if auth.cert is not None:
        yield "auth.cert.clientCert", auth.cert.client_cert
        yield "auth.cert.secretRef", auth.cert.secret_ref
    if auth.iam is not None:
        yield from _iam_selectors(auth.iam)


def _iam_selectors(iam: VaultIamAuth) -> Iterator[tuple[str, Selector]]:
    if iam.jwt is not None:
        yield "auth.iam.jwt.serviceAccountRef", iam.jwt.service_account_ref
    if iam.secret_ref is not None:
        keys = iam.secret_ref
        yield "auth.iam.secretRef.accessKeyIDSecretRef", keys.access_key_id_secret_ref
        yield "auth.iam.secretRef.secretAccessKeySecretRef", keys.secret_access_key_secret_ref
        yield "auth.iam.secretRef.sessionTokenSecretRef", keys.session_token_secret_ref


def _checked(selector_ok: Check, selector: Selector, field: str) -> None:
    try:
        selector_ok(selector)
    except InvalidSpecError as err:
        raise InvalidSpecError(f"{field}: {err}") from err
