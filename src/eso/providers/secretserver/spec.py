"""The configuration under `spec.provider.secretserver` of a store."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from eso.api.meta_v1 import Base64, CAProvider, SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, cel, text_length

__all__ = ["SecretServerProviderRef", "SecretServerSpec"]


class SecretServerProviderRef(Model):
    """A value, in the spec or in a Secret; exactly one."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel("has(self.value) != has(self.secretRef)", "exactly one of value or secretRef must be set"),
    )

    secret_ref: SecretKeySelector | None = None
    value: Annotated[str, text_length(1)] | None = Field(default=None, repr=False)


class SecretServerSpec(Model):
    """A server and a token, or user name and password, for it."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "has(self.token) || (has(self.username) && has(self.password))",
            "either token, or both username and password, must be set",
        ),
    )

    server_url: str = Field(alias="serverURL")
    ca_bundle: Base64 | None = None
    ca_provider: CAProvider | None = None
    domain: str | None = None
    password: SecretServerProviderRef | None = None
    token: SecretServerProviderRef | None = None
    username: SecretServerProviderRef | None = None
