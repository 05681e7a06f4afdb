"""ExternalSecret: which data to fetch from where, and what becomes of it in the cluster."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from eso.api.externalsecrets_v1.refs import GeneratorRef, SecretStoreRef
from eso.api.externalsecrets_v1.template import DecodingStrategy, ExternalSecretTemplate
from eso.api.meta_v1 import CRD_LABELS, DataKey, ObjectName, condition_schema
from reconcile.api.meta_v1 import Condition
from reconcile.api.model import KubeObject, Model, Resource
from reconcile.schema import (
    AS_STORED,
    NULLABLE,
    Constraint,
    described_as,
    item_count,
    keyword,
    property_count,
    text_length,
    text_pattern,
)

__all__ = [
    "ConversionStrategy",
    "ExternalSecret",
    "ExternalSecretBinding",
    "ExternalSecretCreationPolicy",
    "ExternalSecretData",
    "ExternalSecretDataFromRemoteRef",
    "ExternalSecretDataRemoteRef",
    "ExternalSecretDeletionPolicy",
    "ExternalSecretFind",
    "ExternalSecretMetadataPolicy",
    "ExternalSecretNullBytePolicy",
    "ExternalSecretRefreshPolicy",
    "ExternalSecretRewrite",
    "ExternalSecretRewriteMerge",
    "ExternalSecretRewriteRegexp",
    "ExternalSecretRewriteTransform",
    "ExternalSecretSpec",
    "ExternalSecretStatus",
    "ExternalSecretTarget",
    "FindName",
    "ManifestReference",
    "StoreGeneratorSourceRef",
    "StoreSourceRef",
    "SyncWindow",
    "SyncWindows",
]

ConversionStrategy = Annotated[Literal["Default", "Unicode"], AS_STORED]
ExternalSecretMetadataPolicy = Annotated[Literal["None", "Fetch"], AS_STORED]
ExternalSecretNullBytePolicy = Annotated[Literal["Ignore", "Fail"], AS_STORED]
ExternalSecretCreationPolicy = Annotated[Literal["Owner", "Orphan", "Merge", "None", "CreateOrMerge"], AS_STORED]
ExternalSecretDeletionPolicy = Annotated[Literal["Delete", "Merge", "Retain"], AS_STORED]
ExternalSecretRefreshPolicy = Annotated[Literal["CreatedOnce", "Periodic", "OnChange"], AS_STORED]

_ONE: Final = property_count(1, 1)
_SCHEDULE: Final = r"^(@(annually|yearly|monthly|weekly|daily|midnight|hourly)|@every [^\s]+.*|[^\s]+( [^\s]+){4})$"


class ManifestReference(Model):
    """The kind of a target that is not a Secret."""

    api_version: Annotated[str, text_length(1)]
    kind: Annotated[str, text_length(1)]


class ExternalSecretTarget(Model):
    """The object in the cluster that receives the data; its name is that of the ExternalSecret unless given."""

    name: ObjectName | None = None
    creation_policy: ExternalSecretCreationPolicy = "Owner"
    deletion_policy: ExternalSecretDeletionPolicy = "Retain"
    template: ExternalSecretTemplate | None = None
    manifest: ManifestReference | None = None
    immutable: bool | None = None


class ExternalSecretDataRemoteRef(Model):
    """One secret at the provider; strategies that are absent mean None, Default, None and Ignore."""

    key: str
    property: str | None = None
    version: str | None = None
    metadata_policy: ExternalSecretMetadataPolicy | None = None
    conversion_strategy: ConversionStrategy | None = None
    decoding_strategy: DecodingStrategy | None = None
    null_byte_policy: ExternalSecretNullBytePolicy | None = None


class StoreSourceRef(Model):
    """Another store than `spec.secretStoreRef` for one `data` entry; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (_ONE,)

    store_ref: SecretStoreRef | None = None
    generator_ref: GeneratorRef | None = None


class StoreGeneratorSourceRef(Model):
    """Another store, or a generator, for one `dataFrom` entry; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (_ONE,)

    store_ref: SecretStoreRef | None = None
    generator_ref: GeneratorRef | None = None


class ExternalSecretData(Model):
    """One key of the target, from one remote value."""

    secret_key: DataKey
    remote_ref: ExternalSecretDataRemoteRef
    source_ref: StoreSourceRef | None = None


class FindName(Model):
    """Names to find, as an unanchored RE2 expression."""

    regexp: str | None = None


class ExternalSecretFind(Model):
    """Which secrets of the provider to collect."""

    path: str | None = None
    name: FindName | None = None
    tags: dict[str, str] | None = None
    conversion_strategy: ConversionStrategy | None = None
    decoding_strategy: DecodingStrategy | None = None
    null_byte_policy: ExternalSecretNullBytePolicy | None = None


class ExternalSecretRewriteMerge(Model):
    """Merge the values, each a JSON object, into one map or one key."""

    into: str = ""
    priority: list[str] | None = None
    priority_policy: Annotated[Literal["IgnoreNotFound", "Strict"], AS_STORED] = "Strict"
    conflict_policy: Annotated[Literal["Ignore", "Error"], AS_STORED] = "Error"
    strategy: Annotated[Literal["Extract", "JSON"], AS_STORED] = "Extract"


class ExternalSecretRewriteRegexp(Model):
    """Replace what `source` matches in each key by `target`."""

    source: str
    target: str


class ExternalSecretRewriteTransform(Model):
    """Render each key through a template; `.value` is the key."""

    template: str


class ExternalSecretRewrite(Model):
    """One step of renaming keys; exactly one field."""

    constraints: ClassVar[tuple[Constraint, ...]] = (_ONE,)

    merge: ExternalSecretRewriteMerge | None = None
    regexp: ExternalSecretRewriteRegexp | None = None
    transform: ExternalSecretRewriteTransform | None = None


class ExternalSecretDataFromRemoteRef(Model):
    """Many keys of the target at once: a map, a search, or a generator, with its keys rewritten in order."""

    extract: ExternalSecretDataRemoteRef | None = None
    find: ExternalSecretFind | None = None
    rewrite: list[ExternalSecretRewrite] | None = None
    source_ref: StoreGeneratorSourceRef | None = None


class SyncWindow(Model):
    """A window that opens by a cron schedule and stays open for a Go duration."""

    schedule: Annotated[str, text_length(1), text_pattern(_SCHEDULE)]
    duration: str


class SyncWindows(Model):
    """When a periodic refresh may run (`allow`) or must not (`deny`)."""

    kind: Annotated[Literal["allow", "deny"], AS_STORED]
    windows: Annotated[list[SyncWindow], item_count(1)]


class ExternalSecretSpec(Model):
    """What is wanted."""

    secret_store_ref: SecretStoreRef | None = None
    target: ExternalSecretTarget = ExternalSecretTarget()
    refresh_policy: ExternalSecretRefreshPolicy | None = None
    refresh_interval: str = "1h0m0s"
    sync_windows: SyncWindows | None = None
    data: list[ExternalSecretData] | None = None
    data_from: list[ExternalSecretDataFromRemoteRef] | None = None


class ExternalSecretBinding(Model):
    """Name of the Secret, as servicebinding.io looks for it."""

    constraints: ClassVar[tuple[Constraint, ...]] = (keyword("x-kubernetes-map-type", "atomic"),)

    name: str = ""


_CONDITION: Final = condition_schema(type={"type": "string", "enum": ["Ready", "Deleted"]})


class ExternalSecretStatus(Model):
    """What was observed; `refresh_time` is the start of the last successful sync."""

    refresh_time: Annotated[datetime | None, NULLABLE] = None
    synced_resource_version: str | None = None
    conditions: list[Annotated[Condition, described_as(_CONDITION)]] | None = None
    binding: ExternalSecretBinding | None = None


class ExternalSecret(KubeObject):
    """Data of a secret provider, kept in step with a Secret (or another object) of this cluster."""

    resource: ClassVar[Resource] = Resource(
        group="external-secrets.io",
        version="v1",
        kind="ExternalSecret",
        plural="externalsecrets",
        short_names=("es",),
        categories=("external-secrets",),
        labels=CRD_LABELS,
        printer_columns=(
            {"name": "StoreType", "type": "string", "jsonPath": ".spec.secretStoreRef.kind"},
            {"name": "Store", "type": "string", "jsonPath": ".spec.secretStoreRef.name"},
            {"name": "Refresh Interval", "type": "string", "jsonPath": ".spec.refreshInterval"},
            {"name": "Status", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].reason'},
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'},
            {"name": "Last Sync", "type": "date", "jsonPath": ".status.refreshTime"},
        ),
        selectable_fields=(
            ".spec.secretStoreRef.name",
            ".spec.secretStoreRef.kind",
            ".spec.target.name",
            ".spec.refreshInterval",
        ),
    )

    spec: ExternalSecretSpec = Field(default_factory=ExternalSecretSpec)
    status: ExternalSecretStatus = Field(default_factory=ExternalSecretStatus)
