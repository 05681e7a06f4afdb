"""What the resources of all generators have in common."""

from __future__ import annotations

from typing import Final

from eso.api.meta_v1 import CRD_LABELS
from reconcile.api.model import Resource

__all__ = ["GENERATOR_CATEGORIES", "GENERATOR_GROUP", "generator_resource"]

GENERATOR_GROUP: Final = "generators.external-secrets.io"
"""API group of generators."""

GENERATOR_CATEGORIES: Final = ("external-secrets", "external-secrets-generators")
"""Categories that `kubectl get` accepts."""


def generator_resource(kind: str, plural: str, *, namespaced: bool = True) -> Resource:
    """The place of a generator kind at the API server."""
    return Resource(
        group=GENERATOR_GROUP,
        version="v1alpha1",
        kind=kind,
        plural=plural,
        namespaced=namespaced,
        categories=GENERATOR_CATEGORIES,
        labels=CRD_LABELS,
    )
