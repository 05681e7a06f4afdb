"""The configuration under `spec.provider.barbican` of a store."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from eso.api.meta_v1 import SecretKeySelector
from reconcile.api.model import Model
from reconcile.schema import Constraint, property_count

__all__ = ["BarbicanAuth", "BarbicanProviderPasswordRef", "BarbicanProviderUsernameRef", "BarbicanSpec"]


class BarbicanProviderPasswordRef(Model):
    """A password in a Secret."""

    secret_ref: SecretKeySelector


class BarbicanProviderUsernameRef(Model):
    """A user name, in the spec or in a Secret."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    secret_ref: SecretKeySelector | None = None
    value: str | None = Field(default=None, repr=False)


class BarbicanAuth(Model):
    """User name and password for Keystone."""

    password: BarbicanProviderPasswordRef
    username: BarbicanProviderUsernameRef


class BarbicanSpec(Model):
    """A Keystone endpoint, a project and a user."""

    auth: BarbicanAuth
    auth_url: str | None = Field(default=None, alias="authURL")
    domain_name: str | None = None
    region: str | None = None
    tenant_name: str | None = None
