"""The patch formats of `PATCH`, with the server's error texts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from reconcile.testing.apiserver.apply import UndeclaredFieldError, check_declared, conflict_message
from reconcile.testing.apiserver.apply import server_side_apply as apply_configuration
from reconcile.testing.apiserver.bodies import decode_any
from reconcile.testing.apiserver.kinds import structural_schema
from reconcile.testing.apiserver.patch import PatchError, json_patch, merge_patch, strategic_merge_patch
from reconcile.testing.apiserver.requests import ApiRequest
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import StatusError, bad_request, invalid

__all__ = ["PATCH_TYPES", "apply_patch", "refuse_undeclared", "server_side_apply"]

Object = dict[str, Any]

_JSON_PATCH = "application/json-patch+json"
_MERGE_PATCH = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
PATCH_TYPES = frozenset({_JSON_PATCH, _MERGE_PATCH, _STRATEGIC})


def apply_patch(content_type: str, body: bytes, live: Object, info: ResourceInfo) -> Object:
    """`live` after the patch in `body`.

    Raises:
        StatusError: 400 for a malformed patch, 422 for one that cannot be applied.
    """
    patch = decode_any(body, as_yaml=False, what=info.kind)
    if content_type != _JSON_PATCH and not isinstance(patch, dict):
        raise bad_request("error decoding patch: json: cannot unmarshal into Go value of type map[string]interface {}")
    if content_type == _JSON_PATCH and not isinstance(patch, list):
        raise bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
        )
    try:
        if content_type == _JSON_PATCH:
            patched = json_patch(live, patch)
        elif content_type == _MERGE_PATCH:
            patched = merge_patch(live, patch)
        else:
            patched = strategic_merge_patch(live, patch, info.kind, info.api_version)
    except PatchError as err:
        raise _patch_failure(err, content_type) from err
    if not isinstance(patched, dict) or not isinstance(patched.get("metadata"), dict):
        raise bad_request(f"the patch leaves no {info.kind}")
    result: Object = patched
    return result


def _patch_failure(err: PatchError, content_type: str) -> StatusError:
    if err.status == 400:
        return bad_request(str(err))
    if content_type == _JSON_PATCH:
        return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})
    return StatusError(err.status, "Invalid", str(err), {})


def refuse_undeclared(applied: Object, info: ResourceInfo) -> None:
    """Check an applied configuration before its unknown fields are dropped.

    Raises:
        StatusError: 500, as the real server answers.
    """
    try:
        check_declared(applied, structural_schema(info))
    except UndeclaredFieldError as err:
        raise StatusError(500, "", str(err)) from err


def _reset(applied: Object, info: ResourceInfo, subresource: str) -> Object:
    """A configuration without what this endpoint does not write: the status, or everything beside it."""
    if subresource == "status":
        identity = ("name", "namespace", "uid", "resourceVersion")
        metadata = {key: value for key, value in applied["metadata"].items() if key in identity}
        kept: Object = {key: applied[key] for key in ("apiVersion", "kind", "status") if key in applied}
        return {**kept, "metadata": metadata}
    if "status" in info.subresources:
        return {key: value for key, value in applied.items() if key != "status"}
    return applied


def server_side_apply(
    live: Object | None, applied: Object, request: ApiRequest, info: ResourceInfo, subresource: str, now: datetime
) -> Object:
    """The merged object of a server-side apply.

    Raises:
        StatusError: 409 for conflicts with other managers, 422 or 400 for a configuration that cannot be applied.
    """
    manager = request.query.get("fieldManager", "")
    if not manager:
        message = "Required value: is required for apply patch"
        cause = {"reason": "FieldValueRequired", "message": message, "field": "fieldManager"}
        raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
    if applied["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    schema = structural_schema(info)
    force = request.flag("force")
    applied = _reset(applied, info, subresource)
    merged, conflicts = apply_configuration(live, applied, manager, force, schema, now=now, subresource=subresource)
    if conflicts:
        raise StatusError(409, "Conflict", conflict_message(conflicts), {"causes": conflicts})
    return merged
