"""`external-secrets.io/v1beta1`: deprecated and not served; only its schemas are kept.

The API server still needs them to read objects that a release before v1 stored. No code of the operator works with this
version, so it has no models: the schemas are data, in YAML with anchors for the parts that repeat.
"""

from __future__ import annotations

import importlib.resources
from typing import Any

import yaml

__all__ = ["stored_schema"]


def stored_schema(kind: str) -> dict[str, Any]:
    """The schema of a kind: ExternalSecret, ClusterExternalSecret, SecretStore (also for ClusterSecretStore).

    Raises:
        FileNotFoundError: the kind did not exist in this version.
    """
    name = "secretstore" if kind == "ClusterSecretStore" else kind.lower()
    text = (importlib.resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser is ten times faster, where libyaml is there
    schema: dict[str, Any] = yaml.load(text, Loader=loader)
    return schema
