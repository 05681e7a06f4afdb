"""`authorization.k8s.io/v1`: may somebody do something. Created, never stored."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind, Items
from reconcile.api.model import Model, Resource

__all__ = [
    "NonResourceAttributes",
    "NonResourceRule",
    "ResourceAttributes",
    "ResourceRule",
    "SelfSubjectAccessReview",
    "SelfSubjectAccessReviewSpec",
    "SelfSubjectRulesReview",
    "SelfSubjectRulesReviewSpec",
    "SubjectAccessReview",
    "SubjectAccessReviewSpec",
    "SubjectAccessReviewStatus",
    "SubjectRulesReviewStatus",
]

_GROUP = "authorization.k8s.io"


class ResourceAttributes(Model):
    """A verb on an object or a kind; `*` stands for all, an empty namespace for all namespaces."""

    namespace: str = ""
    verb: str = ""
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""


class NonResourceAttributes(Model):
    """A verb on a URL that is no object, such as `/metrics`."""

    path: str = ""
    verb: str = ""


class SelfSubjectAccessReviewSpec(Model):
    """One of the two."""

    resource_attributes: ResourceAttributes | None = None
    non_resource_attributes: NonResourceAttributes | None = None


class SubjectAccessReviewSpec(SelfSubjectAccessReviewSpec):
    """About whom."""

    user: str = ""
    groups: Items[str] = Field(default_factory=list)
    extra: dict[str, list[str]] | None = None
    uid: str = ""


class SubjectAccessReviewStatus(Model):
    """The answer; neither allowed nor denied means no authorizer has an opinion, which is no."""

    allowed: bool = False
    denied: bool = False
    reason: str = ""
    evaluation_error: str = ""


class SelfSubjectAccessReview(BuiltinKind):
    """May I?"""

    resource = Resource(
        _GROUP, "v1", "SelfSubjectAccessReview", "selfsubjectaccessreviews", namespaced=False, status_subresource=False
    )

    spec: SelfSubjectAccessReviewSpec = Field(default_factory=SelfSubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus | None = None


class SubjectAccessReview(BuiltinKind):
    """May they?"""

    resource = Resource(
        _GROUP, "v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False, status_subresource=False
    )

    spec: SubjectAccessReviewSpec = Field(default_factory=SubjectAccessReviewSpec)
    status: SubjectAccessReviewStatus | None = None


class ResourceRule(Model):
    """Verbs allowed on kinds."""

    verbs: Items[str] = Field(default_factory=list)
    api_groups: Items[str] = Field(default_factory=list)
    resources: Items[str] = Field(default_factory=list)
    resource_names: Items[str] = Field(default_factory=list)


class NonResourceRule(Model):
    """Verbs allowed on other URLs."""

    verbs: Items[str] = Field(default_factory=list)
    non_resource_urls: Items[str] = Field(default_factory=list, alias="nonResourceURLs")


class SelfSubjectRulesReviewSpec(Model):
    """Where."""

    namespace: str = ""


class SubjectRulesReviewStatus(Model):
    """What is allowed; `incomplete` when an authorizer cannot list its rules."""

    resource_rules: Items[ResourceRule] = Field(default_factory=list)
    non_resource_rules: Items[NonResourceRule] = Field(default_factory=list)
    incomplete: bool = False
    evaluation_error: str = ""


class SelfSubjectRulesReview(BuiltinKind):
    """What may I do in a namespace?"""

    resource = Resource(
        _GROUP, "v1", "SelfSubjectRulesReview", "selfsubjectrulesreviews", namespaced=False, status_subresource=False
    )

    spec: SelfSubjectRulesReviewSpec = Field(default_factory=SelfSubjectRulesReviewSpec)
    status: SubjectRulesReviewStatus | None = None
