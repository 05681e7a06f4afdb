"""Types that stores, generators and secrets share, from `apis/meta/v1` of External Secrets Operator."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from reconcile.api.model import Model

__all__ = ["CAProvider", "RetrySettings", "SecretKeySelector", "ServiceAccountSelector"]

_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_NAMESPACE = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_KEY = r"^[-._a-zA-Z0-9]+$"

ObjectName = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_NAME)]
NamespaceName = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=_NAMESPACE)]
DataKey = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_KEY)]


class SecretKeySelector(Model):
    """One key of a Secret; `namespace` counts only in cluster-scoped objects."""

    name: ObjectName | None = None
    namespace: NamespaceName | None = None
    key: DataKey | None = None


class ServiceAccountSelector(Model):
    """A ServiceAccount whose tokens may be requested; `namespace` counts only in cluster-scoped objects."""

    name: ObjectName
    namespace: NamespaceName | None = None
    audiences: list[str] | None = None


class CAProvider(Model):
    """A Secret or ConfigMap key that holds PEM certificates to trust."""

    type: Literal["Secret", "ConfigMap"]
    name: ObjectName
    key: DataKey | None = None
    namespace: NamespaceName | None = None


class RetrySettings(Model):
    """How often and how fast a provider's SDK retries by itself; `retry_interval` is a Go duration."""

    max_retries: int | None = Field(default=None)
    retry_interval: str | None = None
