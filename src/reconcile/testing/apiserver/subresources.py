"""Subresources: status, scale, finalize and the tokens of service accounts."""

from __future__ import annotations

from typing import Any

from reconcile.testing.apiserver.bodies import decode_object
from reconcile.testing.apiserver.cluster import Cluster
from reconcile.testing.apiserver.jsonpaths import assign, evaluate
from reconcile.testing.apiserver.metadata import timestamp
from reconcile.testing.apiserver.patching import PATCH_TYPES, apply_patch
from reconcile.testing.apiserver.requests import ApiRequest, ApiResponse, Target, User, json_response
from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import (
    bad_request,
    invalid,
    method_not_allowed,
    modified,
    resource_not_found,
    unsupported_media_type,
)
from reconcile.testing.apiserver.tokens import DEFAULT_AUDIENCE, TokenIssuer
from reconcile.testing.apiserver.versions import served_bytes
from reconcile.testing.apiserver.writes import Writer

__all__ = ["Subresources"]

Object = dict[str, Any]

# Bounds of a TokenRequest in seconds. Source: validation of authentication.k8s.io/v1 TokenRequest.
_MIN_SECONDS = 600
_MAX_SECONDS = 1 << 32
_DEFAULT_SECONDS = 3600

_BUILTIN_SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}
_SCALE = ResourceInfo("autoscaling", "v1", "scales", "Scale", "scale")


class Subresources:
    """Answers requests for `<object>/<subresource>`."""

    def __init__(self, cluster: Cluster, writer: Writer, tokens: TokenIssuer) -> None:
        self._cluster = cluster
        self._writer = writer
        self._tokens = tokens

    async def answer(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        """One request.

        Raises:
            StatusError: 404 for a subresource that the kind does not have.
        """
        name = target.subresource
        if name not in info.subresources:
            raise resource_not_found()
        if name == "token":
            return self._token(request, info, target)
        if name == "scale":
            return await self._scale(request, info, target, user)
        if target.verb == "get":
            live = await self._cluster.conversions.served_one(self._writer.live(info, target), info)
            return json_response(served_bytes(live, info))
        if target.verb == "update":
            return await self._writer.update(request, info, target, user)
        if target.verb == "patch":
            return await self._writer.patch(request, info, target, user)
        raise method_not_allowed()

    def _token(self, request: ApiRequest, info: ResourceInfo, target: Target) -> ApiResponse:
        if target.verb != "create":
            raise method_not_allowed()
        account = self._writer.live(info, target).obj
        spec = decode_object(request, "TokenRequest").get("spec") or {}
        seconds = spec.get("expirationSeconds") or _DEFAULT_SECONDS
        if not isinstance(seconds, int) or not _MIN_SECONDS <= seconds <= _MAX_SECONDS:
            rule = (
                "may not specify a duration less than 10 minutes"
                if isinstance(seconds, int) and seconds < _MIN_SECONDS
                else "may not specify a duration larger than 2^32 seconds"
            )
            message = f"Invalid value: {seconds}: {rule}"
            cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.expirationSeconds"}
            raise invalid("TokenRequest", "authentication.k8s.io", target.name, [cause])
        audiences = spec.get("audiences") or [DEFAULT_AUDIENCE]
        token, expires = self._tokens.issue(account, audiences, seconds, spec.get("boundObjectRef"))
        answer = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": target.name,
                "namespace": target.namespace,
                "creationTimestamp": timestamp(self._cluster.now()),
            },
            "spec": {**spec, "audiences": audiences, "expirationSeconds": seconds},
            "status": {"token": token, "expirationTimestamp": timestamp(expires)},
        }
        return json_response(answer, 201)

    async def _scale(self, request: ApiRequest, info: ResourceInfo, target: Target, user: User) -> ApiResponse:
        paths = _BUILTIN_SCALE if info.crd is None else info.crd["subresources"]["scale"]
        if target.verb == "get":
            return json_response(_scale_of(await self._live(info, target), paths))
        if target.verb == "update":
            sent = decode_object(request, "Scale")
        elif target.verb != "patch":
            raise method_not_allowed()
        elif request.content_type not in PATCH_TYPES:
            raise unsupported_media_type()

        def compute(live: Object) -> Object:
            scale = _scale_of(live, paths)
            wanted = sent if target.verb == "update" else apply_patch(request.content_type, request.body, scale, _SCALE)
            version = wanted["metadata"].get("resourceVersion")
            if version and version != live["metadata"]["resourceVersion"]:
                raise modified(info.plural, info.group, target.name)
            replicas = (wanted.get("spec") or {}).get("replicas", 0)
            if not isinstance(replicas, int):
                raise bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
            if replicas < 0:
                message = f"Invalid value: {replicas}: must be greater than or equal to 0"
                cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.replicas"}
                raise invalid("Scale", "autoscaling", target.name, [cause])
            assign(live, paths["specReplicasPath"], replicas)
            return live

        whole = Target("patch", target.group, target.version, target.plural, target.namespace, target.name)
        written = ApiRequest(request.method, request.path, request.query, request.headers)
        await self._writer.patch_with(compute, written, info, whole, user)
        return json_response(_scale_of(await self._live(info, target), paths))

    async def _live(self, info: ResourceInfo, target: Target) -> Object:
        return (await self._cluster.conversions.served_one(self._writer.live(info, target), info)).obj


def _scale_of(obj: Object, paths: Any) -> Object:
    metadata = obj["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    desired = evaluate(obj, paths["specReplicasPath"])
    current = evaluate(obj, paths["statusReplicasPath"])
    status: Object = {"replicas": current[0] if current else 0}
    selector = evaluate(obj, paths.get("labelSelectorPath") or ".status.selector")
    labels = ((obj.get("spec") or {}).get("selector") or {}) if isinstance(obj.get("spec"), dict) else {}
    if selector and isinstance(selector[0], str):
        status["selector"] = selector[0]
    elif isinstance(labels, dict) and isinstance(labels.get("matchLabels"), dict):
        status["selector"] = ",".join(f"{key}={value}" for key, value in sorted(labels["matchLabels"].items()))
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: metadata[key] for key in kept if key in metadata},
        "spec": {"replicas": desired[0] if desired else 0},
        "status": status,
    }
