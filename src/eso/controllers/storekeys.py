"""How a store is called where objects are looked up, or wait, by the store that they use."""

from __future__ import annotations

__all__ = ["store_key"]


def store_key(kind: str, namespace: str, name: str) -> str:
    """Kind, namespace and name of a store as one text; a ClusterSecretStore has no namespace."""
    return f"ClusterSecretStore/{name}" if kind == "ClusterSecretStore" else f"SecretStore/{namespace}/{name}"
