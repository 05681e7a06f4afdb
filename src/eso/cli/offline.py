"""Manifests in files instead of a cluster: a transport that answers reads from them and refuses everything else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from reconcile.client.transport import Response, Stream
from reconcile.errors import TransportError

__all__ = ["ManifestTransport"]

# Kinds that stores and templates refer to; the plural is all that is missing in a manifest.
_PLURALS: Final = {
    "Secret": "secrets",
    "ConfigMap": "configmaps",
    "ServiceAccount": "serviceaccounts",
    "Namespace": "namespaces",
    "SecretStore": "secretstores",
    "ClusterSecretStore": "clustersecretstores",
    "ClusterGenerator": "clustergenerators",
}
_CLUSTER_SCOPED: Final = ("Namespace", "ClusterSecretStore", "ClusterGenerator")


class ManifestTransport:
    """`reconcile.client.transport.Transport` over a list of manifests.

    Args:
        documents: the manifests; one without a namespace lies in `default`.
    """

    host = "manifests"

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        self._objects = {_path_of(document): _stored(document) for document in documents}

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
    ) -> Response:
        """See `Transport`; anything but reading one object is refused."""
        if method != "GET":
            raise TransportError("there is no cluster here: only objects in the given files can be read")
        found = self._objects.get(path)
        if found is not None:
            return Response(200, json.dumps(found).encode())
        resource, name = path.split("/")[-2:]
        namespace = path.split("/")[-3] if "/namespaces/" in path else ""
        if resource == "namespaces":
            return Response(200, json.dumps({"metadata": {"name": name}}).encode())
        message = f'{resource} "{name}" not found in the given files' + (
            f" (namespace {namespace})" if namespace else ""
        )
        status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "message": message}
        return Response(404, json.dumps(status).encode())

    def stream(self, method: str, path: str, **_: Any) -> AbstractAsyncContextManager[Stream]:
        """See `Transport`; files do not change."""
        raise TransportError("files cannot be watched")

    async def close(self) -> None:
        """Nothing is open."""


def _path_of(document: Mapping[str, Any]) -> str:
    version, kind = document.get("apiVersion", "v1"), document.get("kind", "")
    metadata = document.get("metadata") or {}
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    if kind not in _CLUSTER_SCOPED:
        root += f"/namespaces/{metadata.get('namespace') or 'default'}"
    return f"{root}/{_PLURALS.get(kind, kind.lower() + 's')}/{metadata.get('name', '')}"


def _stored(document: Mapping[str, Any]) -> dict[str, Any]:
    """As the API server would have stored it: stringData encoded, the namespace filled in."""
    stored = {**document, "metadata": {"resourceVersion": "1", "uid": "file", "generation": 1, **document["metadata"]}}
    if document.get("kind") not in _CLUSTER_SCOPED:
        stored["metadata"].setdefault("namespace", "default")
    texts = stored.pop("stringData", None) or {}
    if texts:
        encoded = {key: base64.b64encode(str(value).encode()).decode() for key, value in texts.items()}
        stored["data"] = {**(stored.get("data") or {}), **encoded}
    return stored
