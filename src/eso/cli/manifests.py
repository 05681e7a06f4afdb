"""Manifests to objects: which URL a document belongs to, by asking the API server."""

from __future__ import annotations

from typing import Any

from reconcile.client.client import Client
from reconcile.errors import NotFoundError, ReconcileError

__all__ = ["apply_manifest", "path_for"]

_APPLY = "application/apply-patch+yaml"


async def path_for(client: Client, document: dict[str, Any]) -> str:
    """The URL path of the object in `document`.

    Raises:
        ReconcileError: apiVersion, kind or name is missing, or the API server does not know the kind.
    """
    version, kind = document.get("apiVersion"), document.get("kind")
    metadata = document.get("metadata") or {}
    if not version or not kind or not metadata.get("name"):
        raise ReconcileError("a manifest needs apiVersion, kind and metadata.name")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    try:
        known = (await client.raw("GET", root)).get("resources") or ()
    except NotFoundError:
        known = ()
    found = next((one for one in known if one["kind"] == kind and "/" not in one["name"]), None)
    if found is None:
        raise ReconcileError(f"the API server does not know the kind {kind} of {version}")
    if found["namespaced"]:
        root += f"/namespaces/{metadata.get('namespace') or 'default'}"
    return f"{root}/{found['name']}/{metadata['name']}"


async def apply_manifest(client: Client, document: dict[str, Any], *, field_manager: str = "eso-dev") -> None:
    """Server-side apply of one document, taking fields from other managers.

    Raises:
        ReconcileError: the document is no object, or the API server refuses it.
    """
    path = await path_for(client, document)
    query = {"fieldManager": field_manager, "force": "true"}
    await client.raw("PATCH", path, body=document, query=query, content_type=_APPLY)
