"""Short ways to objects that tests need."""

from __future__ import annotations

from typing import Any

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret

__all__ = ["external_secret"]


def external_secret(
    name: str = "es",
    namespace: str = "default",
    *,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
) -> ExternalSecret:
    """An ExternalSecret with one `data` entry unless `spec` says otherwise."""
    body = {
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1, **(metadata or {})},
        "spec": {
            "secretStoreRef": {"name": "store"},
            "data": [{"secretKey": "a", "remoteRef": {"key": "remote"}}],
            **(spec or {}),
        },
        "status": status or {},
    }
    return ExternalSecret.from_wire(body)
