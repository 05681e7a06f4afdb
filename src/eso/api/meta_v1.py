"""Types that stores, generators and secrets share, from `apis/meta/v1` of External Secrets Operator.

Reading is lenient, writing is strict: patterns, lengths and enums are facts of the CRD (`reconcile.schema`) that the API
server and the validating webhook enforce. Decoding a stored object does not repeat them, so one object that predates a rule
cannot stop an informer. A field that is absent is None; a field that has a default in the CRD has the same default here.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from reconcile.api.meta_v1 import Condition
from reconcile.api.model import Model
from reconcile.schema import AS_STORED, described_as, text_length, text_pattern, wire_format

__all__ = [
    "CRD_LABELS",
    "Base64",
    "CAProvider",
    "DataKey",
    "Int32",
    "Int64",
    "NamespaceName",
    "ObjectName",
    "RetrySettings",
    "SecretKeySelector",
    "ServiceAccountSelector",
    "StatusCondition",
    "condition_schema",
]

ObjectName = Annotated[
    str, text_length(1, 253), text_pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
]
"""Name of an object: a DNS-1123 subdomain."""

NamespaceName = Annotated[str, text_length(1, 63), text_pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
"""Name of a namespace: a DNS-1123 label."""

DataKey = Annotated[str, text_length(1, 253), text_pattern(r"^[-._a-zA-Z0-9]+$")]
"""Key of a Secret or ConfigMap."""

Int32 = Annotated[int, wire_format("int32")]
Int64 = Annotated[int, wire_format("int64")]

Base64 = Annotated[str, wire_format("byte")]
"""Bytes as they stand in the object: base64 text."""

CRD_LABELS: Final[tuple[tuple[str, str], ...]] = (("external-secrets.io/component", "controller"),)
"""Labels of every CustomResourceDefinition."""


def condition_schema(**properties: dict[str, Any]) -> dict[str, Any]:
    """Schema of a status condition; `properties` replace or add to type, status, reason and message."""
    string = {"type": "string"}
    time = {"type": "string", "format": "date-time"}
    base = {"type": string, "status": string, "reason": string, "message": string, "lastTransitionTime": time}
    return {"type": "object", "properties": base | properties, "required": ["status", "type"]}


StatusCondition = Annotated[Condition, described_as(condition_schema())]
"""A condition without `observedGeneration`."""


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

    type: Annotated[Literal["Secret", "ConfigMap"], AS_STORED]
    name: ObjectName
    key: DataKey | None = None
    namespace: NamespaceName | None = None


class RetrySettings(Model):
    """How often and how fast a provider's SDK retries by itself; `retry_interval` is a Go duration."""

    max_retries: Int32 | None = None
    retry_interval: str | None = None
