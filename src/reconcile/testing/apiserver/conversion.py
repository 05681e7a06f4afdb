"""Objects of kinds with a conversion webhook: from the version they are stored in to the one they are served in, and back."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconcile.testing.apiserver.resources import ResourceInfo
from reconcile.testing.apiserver.status import internal
from reconcile.testing.apiserver.storage import Stored, encode
from reconcile.testing.apiserver.versions import served_object, to_storage
from reconcile.testing.apiserver.webhookcall import ServiceResolver, WebhookCaller, WebhookCallError

__all__ = ["Conversions"]

Object = dict[str, Any]

# Source: the timeout of kube-apiserver for conversion webhooks.
_TIMEOUT = 30.0
_REMEMBERED = 4096


class Conversions:
    """Converts by asking webhooks; kinds without one are only renamed, which `versions` does.

    Args:
        resolve: finds the address of a Service.
    """

    def __init__(self, resolve: ServiceResolver | None = None) -> None:
        self._caller = WebhookCaller(resolve)
        self._known: OrderedDict[tuple[str, int, str], Stored] = OrderedDict()

    async def served(self, stored: Sequence[Stored], info: ResourceInfo) -> Sequence[Stored]:
        """The objects in the version of the request.

        Raises:
            StatusError: 500, the webhook could not do it.
        """
        if info.conversion is None:
            return stored
        foreign = [one for one in stored if self._foreign(one, info) and self._key(one, info) not in self._known]
        for one, obj in zip(
            foreign, await self._convert(info, [one.obj for one in foreign], info.api_version), strict=True
        ):
            self._known[self._key(one, info)] = Stored(obj, encode(obj), one.version)
        found = [self._known[self._key(one, info)] if self._foreign(one, info) else one for one in stored]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def served_one(self, stored: Stored, info: ResourceInfo) -> Stored:
        """As `served`."""
        return (await self.served([stored], info))[0]

    async def served_object(self, obj: Object, info: ResourceInfo) -> Object:
        """As `served`, of an object that is not stored, or not any more."""
        if info.conversion is None or obj["apiVersion"] == info.api_version:
            return served_object(obj, info)
        return (await self._convert(info, [obj], info.api_version))[0]

    async def to_storage(self, obj: Object, info: ResourceInfo) -> Object:
        """The object in the version it is stored in; raises as `served`."""
        if info.conversion is None or obj["apiVersion"] == info.storage_version:
            return to_storage(obj, info)
        return (await self._convert(info, [obj], info.storage_version))[0]

    async def _convert(self, info: ResourceInfo, objects: Iterable[Object], wanted: str) -> list[Object]:
        objects = list(objects)
        if not objects or info.conversion is None:
            return objects
        webhook = info.conversion
        uid = str(uuid.uuid4())
        review = {
            "apiVersion": f"apiextensions.k8s.io/{_review_version(webhook)}",
            "kind": "ConversionReview",
            "request": {"uid": uid, "desiredAPIVersion": wanted, "objects": objects},
        }
        failed = f"conversion webhook for {objects[0]['apiVersion']}, Kind={info.kind} failed"
        try:
            answer = await self._caller.call(webhook.get("clientConfig") or {}, review, _TIMEOUT)
        except WebhookCallError as err:
            raise internal(f"{failed}: {str(err).removeprefix('failed to call webhook: ')}") from err
        response = answer.get("response") or {}
        result = response.get("result") or {}
        if result.get("status") != "Success":
            raise internal(f"{failed}: {result.get('message') or 'no reason given'}")
        converted = response.get("convertedObjects") or []
        if response.get("uid") != uid or len(converted) != len(objects):
            raise internal(f"{failed}: the answer does not belong to the request")
        return [_checked(before, after, wanted, failed) for before, after in zip(objects, converted, strict=True)]

    def _foreign(self, stored: Stored, info: ResourceInfo) -> bool:
        return bool(stored.obj["apiVersion"] != info.api_version)

    def _key(self, stored: Stored, info: ResourceInfo) -> tuple[str, int, str]:
        return str(stored.obj["metadata"].get("uid", "")), stored.version, info.api_version


def _review_version(webhook: Mapping[str, Any]) -> str:
    offered = webhook.get("conversionReviewVersions") or ["v1"]
    return next((str(version) for version in offered if version in ("v1", "v1beta1")), "v1")


def _checked(before: Object, after: Object, wanted: str, failed: str) -> Object:
    """The converted object; of its metadata only labels and annotations may differ."""
    if after.get("apiVersion") != wanted or after.get("kind") != before["kind"]:
        raise internal(f"{failed}: expected {before['kind']} in version {wanted}, got {after.get('apiVersion')}")
    metadata = after.get("metadata") or {}
    for name in ("name", "namespace", "uid"):
        if metadata.get(name) != before["metadata"].get(name):
            raise internal(f"{failed}: metadata.{name} must not change")
    kept = {key: value for key, value in before["metadata"].items() if key not in ("labels", "annotations")}
    taken = {key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)}
    return {**after, "metadata": {**kept, **taken}}
