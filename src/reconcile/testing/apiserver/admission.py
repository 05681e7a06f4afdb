"""Admission webhooks: mutating ones in order of their names, then validating ones at once."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconcile.testing.apiserver.patch import PatchError, json_patch
from reconcile.testing.apiserver.status import StatusError, bad_request, internal
from reconcile.testing.apiserver.webhookcall import ServiceResolver, WebhookCaller, WebhookCallError
from reconcile.testing.apiserver.webhookmatch import ConditionError, conditions_hold, rules_match, selectors_match

__all__ = ["AdmissionChain", "Attributes"]

Object = Mapping[str, Any]
ListFunction = Callable[[str], Iterable[Object]]
"""Called with `mutatingwebhookconfigurations` or `validatingwebhookconfigurations`."""

DEFAULT_TIMEOUT = 10.0
"""Seconds. Source: defaults of admissionregistration.k8s.io/v1."""

_CONFIGURATION_KINDS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Attributes:
    """What is asked of the API server.

    Attributes:
        operation: `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
        user: `UserInfo` as the review carries it.
        namespace_labels: labels of the namespace, None for cluster-scoped objects other than namespaces.
    """

    operation: str
    group: str
    version: str
    resource: str
    kind: str
    name: str = ""
    namespace: str = ""
    namespaced: bool = True
    subresource: str = ""
    user: Mapping[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    namespace_labels: Mapping[str, str] | None = None

    def review_request(self, uid: str, new: Object | None, old: Object | None) -> dict[str, Any]:
        """The `request` of an AdmissionReview."""
        kind = {"group": self.group, "version": self.version, "kind": self.kind}
        resource = {"group": self.group, "version": self.version, "resource": self.resource}
        options = {"CREATE": "CreateOptions", "UPDATE": "UpdateOptions", "DELETE": "DeleteOptions"}
        request: dict[str, Any] = {
            "uid": uid,
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": self.name,
            "operation": self.operation,
            "userInfo": dict(self.user),
            "object": new,
            "oldObject": old,
            "dryRun": self.dry_run,
            "options": {"apiVersion": "meta.k8s.io/v1", "kind": options.get(self.operation, "ConnectOptions")},
        }
        if self.namespace:
            request["namespace"] = self.namespace
        if self.subresource:
            request["subResource"] = request["requestSubResource"] = self.subresource
        return request


class AdmissionChain:
    """Asks the webhooks that are configured at that moment.

    Args:
        list_function: yields the stored webhook configurations of one plural.
        resolve: finds the address of a Service.
    """

    def __init__(self, list_function: ListFunction, *, resolve: ServiceResolver | None = None) -> None:
        self._list = list_function
        self._caller = WebhookCaller(resolve)

    async def mutate_and_validate(
        self,
        attributes: Attributes,
        new: dict[str, Any] | None,
        old: Object | None,
        *,
        finish: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
    ) -> tuple[dict[str, Any] | None, list[str]]:
        """The object after mutation, and the warnings of all webhooks.

        Cancellation drops the calls that are under way.

        Args:
            attributes: the request.
            new: the object to store, None for a deletion.
            old: the stored object, None for a creation.
            finish: applied to a mutated object (defaults, pruning) before validation sees it.

        Raises:
            StatusError: a webhook denied the request, or failed under `failurePolicy: Fail`.
        """
        warnings: list[str] = []
        if attributes.kind in _CONFIGURATION_KINDS:
            return new, warnings
        mutated = await self._mutate(attributes, new, old, warnings)
        if finish is not None and mutated is not None and mutated != new:
            mutated = finish(mutated)
        await self._validate(attributes, mutated, old, warnings)
        return mutated, warnings

    async def _mutate(
        self, attributes: Attributes, new: dict[str, Any] | None, old: Object | None, warnings: list[str]
    ) -> dict[str, Any] | None:
        webhooks = list(self._webhooks("mutatingwebhookconfigurations"))
        again: list[Object] = []
        current = new
        for webhook in webhooks:
            before = current
            current = await self._mutate_by(webhook, attributes, current, old, warnings)
            if current != before:
                again += [earlier for earlier in webhooks[: webhooks.index(webhook)] if earlier not in again]
        for webhook in again:
            if webhook.get("reinvocationPolicy") == "IfNeeded":
                current = await self._mutate_by(webhook, attributes, current, old, warnings)
        return current

    async def _mutate_by(
        self,
        webhook: Object,
        attributes: Attributes,
        new: dict[str, Any] | None,
        old: Object | None,
        warnings: list[str],
    ) -> dict[str, Any] | None:
        response = await self._ask(webhook, attributes, new, old, warnings)
        if response is None or not response.get("patch") or new is None:
            return new
        try:
            if response.get("patchType") != "JSONPatch":
                raise WebhookCallError(f"webhook returned unsupported patch type: {response.get('patchType')!r}")
            operations = json.loads(base64.b64decode(response["patch"]))
            patched = json_patch(new, operations)
        except (WebhookCallError, PatchError, ValueError, binascii.Error) as err:
            raise internal(str(err)) from err
        return patched if isinstance(patched, dict) else new

    async def _validate(
        self, attributes: Attributes, new: Object | None, old: Object | None, warnings: list[str]
    ) -> None:
        async def ask(webhook: Object) -> StatusError | None:
            try:
                await self._ask(webhook, attributes, new, old, warnings)
            except StatusError as err:
                return err
            return None

        async with asyncio.TaskGroup() as group:
            webhooks = self._webhooks("validatingwebhookconfigurations")
            tasks = [group.create_task(ask(webhook)) for webhook in webhooks]
        for task in tasks:
            denied = task.result()
            if denied is not None:
                raise denied

    def _webhooks(self, plural: str) -> Iterable[Object]:
        for configuration in sorted(self._list(plural), key=lambda c: str(c["metadata"]["name"])):
            yield from configuration.get("webhooks") or ()

    def _applies(self, webhook: Object, attributes: Attributes, new: Object | None, old: Object | None) -> bool:
        a = attributes
        if not rules_match(webhook, a.operation, a.group, a.version, a.resource, a.subresource, a.namespaced):
            return False
        objects = [obj for obj in (new, old) if obj is not None]
        return selectors_match(webhook, a.namespace_labels, objects)

    async def _ask(
        self, webhook: Object, attributes: Attributes, new: Object | None, old: Object | None, warnings: list[str]
    ) -> dict[str, Any] | None:
        """The `response` of one webhook, None when it is not concerned or its failure is ignored."""
        if not self._applies(webhook, attributes, new, old):
            return None
        name = str(webhook.get("name", ""))
        fails = webhook.get("failurePolicy", "Fail") != "Ignore"
        uid = str(uuid.uuid4())
        request = attributes.review_request(uid, new, old)
        try:
            if not conditions_hold(webhook, {"object": new, "oldObject": old, "request": request}):
                return None
            if attributes.dry_run and webhook.get("sideEffects") not in ("None", "NoneOnDryRun"):
                raise bad_request(f"admission webhook {json.dumps(name)} does not support dry run")
            response = await self._call(webhook, request, uid)
        except (WebhookCallError, ConditionError) as err:
            if fails:
                text = f"failed calling webhook {json.dumps(name)}: {err}"
                raise internal(text) from err
            return None
        warnings += [str(warning) for warning in response.get("warnings") or ()]
        if not response.get("allowed"):
            raise _denial(name, response.get("status") or {})
        return response

    async def _call(self, webhook: Object, request: Object, uid: str) -> dict[str, Any]:
        versions = webhook.get("admissionReviewVersions") or ["v1"]
        version = next((v for v in versions if v in ("v1", "v1beta1")), "v1")
        review = {"kind": "AdmissionReview", "apiVersion": f"admission.k8s.io/{version}", "request": request}
        timeout = float(webhook.get("timeoutSeconds") or DEFAULT_TIMEOUT)
        answer = await self._caller.call(webhook.get("clientConfig") or {}, review, timeout)
        response = answer.get("response")
        if not isinstance(response, dict):
            raise WebhookCallError("webhook response was absent")
        if response.get("uid") != uid:
            raise WebhookCallError(f"expected response.uid={json.dumps(uid)}, got {json.dumps(response.get('uid'))}")
        return response


def _denial(name: str, status: Object) -> StatusError:
    code = int(status.get("code") or 0)
    why = status.get("message") or status.get("reason")
    text = f"admission webhook {json.dumps(name)} denied the request"
    message = f"{text}: {why}" if why else f"{text} without explanation"
    return StatusError(max(code, 400), str(status.get("reason") or ""), message, dict(status.get("details") or {}))
