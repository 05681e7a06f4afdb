"""`admission.k8s.io/v1`: what a webhook is asked, and what it answers. Objects stay JSON."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from reconcile.api.authentication_v1 import UserInfo
from reconcile.api.builtin import Base64, Items
from reconcile.api.model import Model

__all__ = [
    "AdmissionRequest",
    "AdmissionResponse",
    "AdmissionReview",
    "AdmissionStatus",
    "GroupVersionKind",
    "GroupVersionResource",
]


class GroupVersionKind(Model):
    """Names a kind."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(Model):
    """Names a kind as URLs do."""

    group: str = ""
    version: str = ""
    resource: str = ""


class AdmissionRequest(Model):
    """A write that waits for an answer; the objects stay out of the repr because they may hold secrets."""

    uid: str
    kind: GroupVersionKind = Field(default_factory=GroupVersionKind)
    resource: GroupVersionResource = Field(default_factory=GroupVersionResource)
    sub_resource: str = ""
    request_kind: GroupVersionKind | None = None
    request_resource: GroupVersionResource | None = None
    request_sub_resource: str = ""
    name: str = ""
    namespace: str = ""
    operation: str = ""
    user_info: UserInfo = Field(default_factory=UserInfo)
    object: dict[str, Any] | None = Field(default=None, repr=False)
    old_object: dict[str, Any] | None = Field(default=None, repr=False)
    dry_run: bool | None = None
    options: dict[str, Any] | None = Field(default=None, repr=False)


class AdmissionStatus(Model):
    """Why a write is refused."""

    code: int | None = None
    message: str = ""
    reason: str = ""
    status: str = ""


class AdmissionResponse(Model):
    """The answer; `patch` is an encoded JSON patch."""

    uid: str
    allowed: bool
    status: AdmissionStatus | None = None
    patch: Base64 | None = Field(default=None, repr=False)
    patch_type: str | None = None
    warnings: Items[str] | None = None
    audit_annotations: dict[str, str] | None = None


class AdmissionReview(Model):
    """The envelope of both."""

    api_version: str = "admission.k8s.io/v1"
    kind: str = "AdmissionReview"
    request: AdmissionRequest | None = None
    response: AdmissionResponse | None = None
