"""Admission webhooks as plain async functions: from an AdmissionReview to its answer.

A validating function returns warnings or nothing, and raises `DeniedError` to refuse. A mutating function returns the object as
it should be, or None to leave it alone. Both get typed objects.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from pydantic import ValidationError

from reconcile.api.admission_v1 import AdmissionRequest, AdmissionResponse, AdmissionStatus
from reconcile.api.model import KubeObject
from reconcile.client.patch import json_patch, merge_diff, merge_patch
from reconcile.errors import APIError, ReconcileError, TransportError
from reconcile.metrics import WebhookMetrics

__all__ = [
    "Admission",
    "AdmissionWebhook",
    "DeniedError",
    "mutate_path",
    "mutating",
    "validate_path",
    "validating",
]

_LOG = logging.getLogger(__name__)

K = TypeVar("K", bound=KubeObject)


class DeniedError(ReconcileError):
    """Raised by a handler to refuse a write.

    Args:
        message: shown to whoever wrote.
        code: HTTP status of the refusal.
        reason: machine readable, for example `Invalid`; by the code when empty.
        warnings: shown as well.
    """

    def __init__(self, message: str, *, code: int = 403, reason: str = "", warnings: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason or {403: "Forbidden", 422: "Invalid", 400: "BadRequest"}.get(code, "")
        self.warnings = list(warnings)


@dataclass(frozen=True, slots=True)
class Admission(Generic[K]):
    """One write that waits for an answer.

    Attributes:
        request: everything the API server says, objects as JSON.
        operation: `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
        object: the object as it will be; None for a deletion.
        old: the object as it is; None for a creation.
    """

    request: AdmissionRequest
    operation: str
    object: K | None
    old: K | None

    @property
    def subject(self) -> K:
        """The object that the write is about.

        Raises:
            LookupError: the request holds none (a `CONNECT`).
        """
        found = self.object if self.object is not None else self.old
        if found is None:
            raise LookupError(f"a {self.operation} request holds no object")
        return found


Validate = Callable[[Admission[K]], Awaitable[Sequence[str] | None]]
Mutate = Callable[[Admission[K]], Awaitable[K | Mapping[str, Any] | None]]
_Answer = Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]


class AdmissionWebhook:
    """Answers the AdmissionReviews of one path; made by `validating` and `mutating`."""

    def __init__(self, answer: _Answer) -> None:
        self._answer = answer

    async def handle(self, path: str, body: bytes, metrics: WebhookMetrics | None) -> bytes:
        """The answer to a review; there always is one, also to nonsense and when the handler fails."""
        review: dict[str, Any] = {}
        uid = ""
        try:
            review = msgspec.json.decode(body, type=dict[str, Any])
            request = AdmissionRequest.model_validate(review["request"])
            uid = request.uid
        except (msgspec.DecodeError, ValidationError, LookupError):
            response = _refusal(uid, "this is not an AdmissionReview with a request", 400, "BadRequest")
        else:
            response = await self._guarded(path, request, metrics)
        envelope = {
            # v1 and v1beta1 have the same fields: answer in the version of the question.
            "apiVersion": review.get("apiVersion") or "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "response": response.to_wire(),
        }
        return msgspec.json.encode(envelope)

    async def _guarded(self, path: str, request: AdmissionRequest, metrics: WebhookMetrics | None) -> AdmissionResponse:
        try:
            return await self._answer(request)
        except DeniedError as denied:
            return _refusal(request.uid, str(denied), denied.code, denied.reason, denied.warnings)
        except (APIError, TransportError) as err:
            # Cannot decide now: a 500 lets the client try again, a refusal would blame its object.
            return _refusal(request.uid, f"the webhook could not ask the API server: {err}", 500, "InternalError")
        except Exception as error:  # noqa: BLE001 - the API server must get an answer, and the process must live on
            if metrics is not None:
                metrics.panics.inc()
            kind = type(error).__name__
            _LOG.error("webhook %s failed on %s %s: %s", path, request.operation, _where(request), kind)
            return _refusal(request.uid, f"the webhook failed: {kind}", 500, "InternalError")


def validating(
    kind: type[K],
    validate: Validate[K],
    *,
    unseen: Callable[[AdmissionRequest], bool] | None = None,
    compares: bool = True,
) -> AdmissionWebhook:
    """A webhook that refuses or allows writes of a kind.

    Args:
        kind: of the objects.
        validate: decides.
        unseen: requests that are allowed without reading their objects, so that one that is stored malformed can go.
        compares: whether `validate` looks at the object as it is; without, one that is stored malformed can be repaired.
    """

    async def answer(request: AdmissionRequest) -> AdmissionResponse:
        if unseen is not None and unseen(request):
            return AdmissionResponse(uid=request.uid, allowed=True)
        if not compares:
            request = request.model_copy(update={"old_object": None})
        warnings = await validate(_admission(kind, request))
        return AdmissionResponse(uid=request.uid, allowed=True, warnings=list(warnings) if warnings else None)

    return AdmissionWebhook(answer)


def mutating(kind: type[K], mutate: Mutate[K]) -> AdmissionWebhook:
    """A webhook that changes objects on their way in. Fields that the kind does not know stay, except in lists that change."""

    async def answer(request: AdmissionRequest) -> AdmissionResponse:
        admission = _admission(kind, request)
        changed = await mutate(admission)
        if changed is None or admission.object is None or request.object is None:
            return AdmissionResponse(uid=request.uid, allowed=True)
        if isinstance(changed, KubeObject):
            # From model to model first: defaults, and fields that the model does not know, are no change.
            difference = merge_diff(admission.object.to_wire(), changed.to_wire())
            wanted: Mapping[str, Any] = merge_patch(request.object, difference)
        else:
            wanted = changed
        operations = json_patch(request.object, wanted)
        if not operations:
            return AdmissionResponse(uid=request.uid, allowed=True)
        patch = msgspec.json.encode(operations)
        return AdmissionResponse(uid=request.uid, allowed=True, patch=patch, patch_type="JSONPatch")

    return AdmissionWebhook(answer)


def validate_path(kind: type[KubeObject]) -> str:
    """`/validate-<group with dashes>-<version>-<kind>`, as controller-runtime names it."""
    return f"/validate-{_dashed(kind)}"


def mutate_path(kind: type[KubeObject]) -> str:
    """`/mutate-<group with dashes>-<version>-<kind>`, as controller-runtime names it."""
    return f"/mutate-{_dashed(kind)}"


def _dashed(kind: type[KubeObject]) -> str:
    resource = kind.resource
    return f"{resource.group.replace('.', '-')}-{resource.version}-{resource.kind.lower()}"


def _admission(kind: type[K], request: AdmissionRequest) -> Admission[K]:
    return Admission(request, request.operation, _decoded(kind, request.object), _decoded(kind, request.old_object))


def _decoded(kind: type[K], body: dict[str, Any] | None) -> K | None:
    if not body:
        return None
    try:
        return kind.from_wire(body)
    except ValidationError as err:
        fields = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc'])}: {problem['type']}"
            for problem in err.errors(include_url=False, include_context=False, include_input=False)[:10]
        )
        # The chained error would hold what pydantic saw of the object.
        raise DeniedError(f"the {kind.resource.kind} is not valid: {fields}", code=400) from None


def _refusal(uid: str, message: str, code: int, reason: str, warnings: Sequence[str] = ()) -> AdmissionResponse:
    status = AdmissionStatus(code=code, message=message, reason=reason, status="Failure")
    return AdmissionResponse(uid=uid, allowed=False, status=status, warnings=list(warnings) or None)


def _where(request: AdmissionRequest) -> str:
    path = f"{request.namespace}/{request.name}" if request.namespace else request.name
    return f"{request.kind.kind} {path}"
