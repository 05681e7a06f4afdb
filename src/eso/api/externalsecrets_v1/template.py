"""The template of a target: `spec.target.template` of an ExternalSecret, `spec.template` of a PushSecret."""

from __future__ import annotations

from typing import Annotated, Literal

from eso.api.meta_v1 import DataKey, ObjectName
from reconcile.api.model import Model
from reconcile.schema import AS_STORED

__all__ = [
    "DecodingStrategy",
    "ExternalSecretTemplate",
    "ExternalSecretTemplateMetadata",
    "TemplateFrom",
    "TemplateRef",
    "TemplateRefItem",
]

DecodingStrategy = Annotated[Literal["Auto", "Base64", "Base64URL", "None"], AS_STORED]
"""How a value is decoded; absent means `None`, the value as it is."""


class TemplateRefItem(Model):
    """A key of the referenced object that holds a template, and whether it renders values or keys and values."""

    key: DataKey
    template_as: Annotated[Literal["Values", "KeysAndValues"], AS_STORED] = "Values"


class TemplateRef(Model):
    """A Secret or ConfigMap in the namespace of the object, with the keys to take templates from."""

    name: ObjectName
    items: list[TemplateRefItem]


class TemplateFrom(Model):
    """One source of templates; `target` is `Data`, `Annotations`, `Labels`, or a path of a generic target."""

    config_map: TemplateRef | None = None
    secret: TemplateRef | None = None
    target: str = "Data"
    literal: str | None = None
    values_decoding_strategy: DecodingStrategy | None = None


class ExternalSecretTemplateMetadata(Model):
    """Metadata of the rendered object; values of labels and annotations are templates."""

    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    finalizers: list[str] | None = None


class ExternalSecretTemplate(Model):
    """How the target looks, from the data that was fetched."""

    type: str | None = None
    engine_version: Annotated[Literal["v2"], AS_STORED] = "v2"
    metadata: ExternalSecretTemplateMetadata | None = None
    merge_policy: Annotated[Literal["Replace", "Merge"], AS_STORED] = "Replace"
    data: dict[str, str] | None = None
    template_from: list[TemplateFrom] | None = None
