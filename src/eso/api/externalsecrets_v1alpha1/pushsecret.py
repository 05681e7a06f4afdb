"""PushSecret: which data of this cluster to write to which stores."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from eso.api.externalsecrets_v1.externalsecret import ExternalSecretRewriteRegexp, ExternalSecretRewriteTransform
from eso.api.externalsecrets_v1.refs import GeneratorRef, StoreKind
from eso.api.externalsecrets_v1.template import ExternalSecretTemplate
from eso.api.meta_v1 import CRD_LABELS, ObjectName, StatusCondition
from reconcile.api.meta_v1 import LabelSelector
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import AS_STORED, NULLABLE, REQUIRED, Constraint, cel, property_count

__all__ = [
    "PushSecret",
    "PushSecretConversionStrategy",
    "PushSecretData",
    "PushSecretDataTo",
    "PushSecretDataToMatch",
    "PushSecretMatch",
    "PushSecretRemoteRef",
    "PushSecretRewrite",
    "PushSecretSecret",
    "PushSecretSelector",
    "PushSecretSpec",
    "PushSecretStatus",
    "PushSecretStoreRef",
]

PushSecretConversionStrategy = Annotated[Literal["None", "ReverseUnicode"], AS_STORED]
"""How keys of the source Secret are decoded before they are pushed."""


class PushSecretStoreRef(Model):
    """A store by name, or stores by labels; `label_selector` wins when both are given."""

    name: ObjectName | None = None
    label_selector: LabelSelector | None = None
    kind: StoreKind = "SecretStore"


class PushSecretRemoteRef(Model):
    """Where a value lives at the provider."""

    remote_key: str
    property: str | None = None


class PushSecretMatch(Model):
    """A key of the source (empty: the whole Secret) and where it goes."""

    secret_key: str | None = None
    remote_ref: PushSecretRemoteRef


class PushSecretData(Model):
    """One value to push; `metadata` is read by the provider."""

    match: PushSecretMatch
    metadata: Any = None
    conversion_strategy: PushSecretConversionStrategy = "None"


class PushSecretDataToMatch(Model):
    """Which keys of the source to push, as an unanchored RE2 expression; absent means all."""

    regexp: str | None = None


class PushSecretRewrite(Model):
    """One step from a key of the source to a remote key; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "(has(self.regexp) && !has(self.transform)) || (!has(self.regexp) && has(self.transform))",
            "exactly one of regexp or transform must be set",
        ),
    )

    regexp: ExternalSecretRewriteRegexp | None = None
    transform: ExternalSecretRewriteTransform | None = None


class PushSecretDataTo(Model):
    """Many keys of the source at once: each under its own remote key, or together under `remote_key`."""

    constraints: ClassVar[tuple[Constraint, ...]] = (
        cel(
            "has(self.storeRef) && (has(self.storeRef.name) || has(self.storeRef.labelSelector))",
            "storeRef must specify either name or labelSelector",
        ),
        cel(
            "!has(self.remoteKey) || !has(self.rewrite) || size(self.rewrite) == 0",
            "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)",
        ),
    )

    store_ref: PushSecretStoreRef | None = None
    remote_key: str | None = None
    match: PushSecretDataToMatch | None = None
    rewrite: list[PushSecretRewrite] | None = None
    metadata: Any = None
    conversion_strategy: PushSecretConversionStrategy = "None"


class PushSecretSecret(Model):
    """Source Secrets, by name or by labels."""

    name: ObjectName | None = None
    selector: LabelSelector | None = None


class PushSecretSelector(Model):
    """The source: Secrets, or a generator; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (property_count(1, 1),)

    secret: PushSecretSecret | None = None
    generator_ref: GeneratorRef | None = None


class PushSecretSpec(Model):
    """What is wanted."""

    secret_store_refs: Annotated[list[PushSecretStoreRef], REQUIRED] = Field(default_factory=list)
    selector: Annotated[PushSecretSelector, REQUIRED] = Field(default_factory=PushSecretSelector)
    refresh_interval: str = "1h0m0s"
    update_policy: Annotated[Literal["Replace", "IfNotExists"], AS_STORED] = "Replace"
    deletion_policy: Annotated[Literal["Delete", "None"], AS_STORED] = "None"
    data: list[PushSecretData] | None = None
    data_to: list[PushSecretDataTo] | None = None
    template: ExternalSecretTemplate | None = None


class PushSecretStatus(Model):
    """What was pushed: store (`<kind>/<name>`) -> remote key (and property) -> the entry."""

    refresh_time: Annotated[datetime | None, NULLABLE] = None
    synced_resource_version: str | None = None
    synced_push_secrets: dict[str, dict[str, PushSecretData]] | None = None
    conditions: list[StatusCondition] | None = None


class PushSecret(KubeObject):
    """Data of this cluster, kept in step at secret providers."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1alpha1",
        kind="PushSecret",
        plural="pushsecrets",
        short_names=("ps",),
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=(
            {"name": "AGE", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
            {"name": "Status", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
            {"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"},
        ),
    )

    spec: PushSecretSpec = Field(default_factory=PushSecretSpec)
    status: PushSecretStatus = Field(default_factory=PushSecretStatus)
