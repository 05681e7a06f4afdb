"""Options of a push: labels, annotations and how they meet those of source and target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from eso.errors import InvalidSpecError
from eso.providers.base import PushEntry, SourceSecret
from eso.providers.common import parse_push_metadata
from reconcile.api.model import Model

__all__ = ["PushOptions", "push_options"]

TargetPolicy = Literal["Merge", "Replace", "Ignore"]


class PushMetadata(Model):
    """`spec` of the PushSecretMetadata of this provider."""

    source_merge_policy: str = ""
    target_merge_policy: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    remote_namespace: str = ""


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What the pushed Secret's metadata shall be."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    target_policy: TargetPolicy
    remote_namespace: str

    def applied(self, present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
        """Labels or annotations of the target after the push."""
        if self.target_policy == "Ignore":
            return dict(present)
        return dict(wanted) if self.target_policy == "Replace" else {**present, **wanted}


def push_options(source: SourceSecret, entry: PushEntry, *, remote_namespace: str, store_kind: str) -> PushOptions:
    """The options of an entry.

    Raises:
        InvalidSpecError: the metadata is wrong, names an unknown policy, or another namespace from a namespaced store.
    """
    try:
        metadata = parse_push_metadata(entry.metadata, PushMetadata) or PushMetadata()
    except InvalidSpecError as err:
        raise InvalidSpecError(f"unable to parse metadata parameters: {err}") from None
    policy = metadata.source_merge_policy or "Merge"
    if policy == "Merge":
        labels = {**source.labels, **metadata.labels}
        annotations = {**source.annotations, **metadata.annotations}
    elif policy == "Replace":
        labels, annotations = metadata.labels, metadata.annotations
    else:
        raise InvalidSpecError(
            f'failed to merge source metadata: unexpected source merge policy "{policy}": use Merge or Replace'
        )
    if metadata.remote_namespace:
        if store_kind != "ClusterSecretStore":
            raise InvalidSpecError("metadata remoteNamespace can only be set with a ClusterSecretStore")
        remote_namespace = metadata.remote_namespace
    return PushOptions(labels, annotations, _target_policy(metadata.target_merge_policy), remote_namespace)


def _target_policy(policy: str) -> TargetPolicy:
    match policy or "Merge":
        case "Merge":
            return "Merge"
        case "Replace":
            return "Replace"
        case "Ignore":
            return "Ignore"
    raise InvalidSpecError(
        f'failed to merge target metadata: unexpected target merge policy "{policy}": use Merge, Replace or Ignore'
    )
