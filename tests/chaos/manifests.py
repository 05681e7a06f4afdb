"""The objects of the suite."""

from __future__ import annotations

from typing import Any

__all__ = ["NS", "external_secret", "path", "push_secret", "store"]

NS = "default"
_REFRESH = "20s"


def path(plural: str, version: str = "v1", group: str = "external-secrets.io") -> str:
    """Where objects of a kind are."""
    return f"/apis/{group}/{version}/namespaces/{NS}/{plural}"


def _object(version: str, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": f"external-secrets.io/{version}", "kind": kind, "metadata": {"name": name}, "spec": spec}


def store(name: str, url: str) -> dict[str, Any]:
    """A store whose credential is in the Secret `login-<name>`."""
    webhook = {
        "url": f"{url}/kv/{{{{ .remoteRef.key }}}}{{{{ .remoteRef.remoteKey }}}}",
        "headers": {"Authorization": "Bearer {{ .login.token }}"},
        "result": {"jsonPath": "$.value"},
        "secrets": [{"name": "login", "secretRef": {"name": f"login-{name}"}}],
        "timeout": "10s",
    }
    return _object("v1", "SecretStore", name, {"provider": {"webhook": webhook}})


def external_secret(number: int, store_name: str, **spec: Any) -> dict[str, Any]:
    """One that reads the key of its number."""
    whole = {
        "refreshInterval": _REFRESH,
        "secretStoreRef": {"name": store_name, "kind": "SecretStore"},
        "data": [{"secretKey": "value", "remoteRef": {"key": f"k-{number}"}}],
        **spec,
    }
    return _object("v1", "ExternalSecret", f"es-{number}", whole)


def push_secret(number: int, store_name: str) -> dict[str, Any]:
    """One that pushes the source of its number; every second one takes the value back when it is deleted."""
    spec = {
        "refreshInterval": _REFRESH,
        "deletionPolicy": "Delete" if number % 2 else "None",
        "secretStoreRefs": [{"name": store_name, "kind": "SecretStore"}],
        "selector": {"secret": {"name": f"source-{number}"}},
        "data": [{"match": {"secretKey": "v", "remoteRef": {"remoteKey": f"p-{number}"}}}],
    }
    return _object("v1alpha1", "PushSecret", f"push-{number}", spec)
