"""The configuration under `spec.provider.openBao` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, REQUIRED, Constraint, cel, text_length

__all__ = ["OpenBaoAppRole", "OpenBaoAuth", "OpenBaoSpec", "OpenBaoUserPassAuth"]


class OpenBaoAppRole(Model):
    """AppRole: role id and secret id."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "[has(self.roleId),has(self.roleRef)].filter(x,x==true).size() == 1",
            "exactly one of the fields in [roleId roleRef] must be set",
        ),
    )

    secret_ref: SecretKeySelector
    path: Annotated[str, REQUIRED] = "approle"
    role_id: Annotated[str, text_length(1)] | None = None
    role_ref: SecretKeySelector | None = None


class OpenBaoUserPassAuth(Model):
    """User name and password."""

    username: str
    path: Annotated[str, REQUIRED] = "userpass"
    secret_ref: SecretKeySelector | None = None


class OpenBaoAuth(Model):
    """Exactly one way to sign in; `namespace` counts for the login only."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "[has(self.appRole),has(self.tokenSecretRef),has(self.userPass)].filter(x,x==true).size() == 1",
            "exactly one of the fields in [appRole tokenSecretRef userPass] must be set",
        ),
    )

    app_role: OpenBaoAppRole | None = None
    namespace: str | None = None
    token_secret_ref: SecretKeySelector | None = None
    user_pass: OpenBaoUserPassAuth | None = None


class OpenBaoSpec(Model):
    """A server, a mount and one way to sign in."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "[has(self.caBundle),has(self.caProvider)].filter(x,x==true).size() <= 1",
            "at most one of the fields in [caBundle caProvider] may be set",
        ),
    )

    server: str
    auth: OpenBaoAuth | None = None
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    namespace: str | None = None
    path: str | None = None
    version: Annotated[Literal["v1", "v2"], AS_STORED] = "v2"
