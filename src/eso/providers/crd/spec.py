"""The configuration under `spec.provider.crd` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar

from eso.api.identity_v1 import KubernetesAuth, KubernetesServer
from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, cel, text_length

__all__ = ["CRDProviderResource", "CRDProviderWhitelist", "CRDProviderWhitelistRule", "CRDSpec"]


class CRDProviderResource(Model):
    """The kind that is read; an empty group is the core group."""

    group: str
    kind: Annotated[str, text_length(1)]
    version: Annotated[str, text_length(1)]


class CRDProviderWhitelistRule(Model):
    """Regular expressions for names, namespaces and properties that may be read."""

    name: str | None = None
    namespace: str | None = None
    properties: list[str] | None = None


class CRDProviderWhitelist(Model):
    """Rules that limit what may be read; a request must match one."""

    rules: list[CRDProviderWhitelistRule] | None = None


class CRDSpec(Model):
    """Which resource to read, on which API server, as whom."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel("has(self.auth) || has(self.authRef)", "one of auth or authRef is required"),
        cel(
            "[has(self.auth),has(self.authRef)].filter(x,x==true).size() <= 1",
            "at most one of the fields in [auth authRef] may be set",
        ),
    )

    resource: CRDProviderResource
    auth: KubernetesAuth | None = None
    auth_ref: SecretKeySelector | None = None
    server: KubernetesServer | None = None
    whitelist: CRDProviderWhitelist | None = None
