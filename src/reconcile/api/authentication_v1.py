"""`authentication.k8s.io/v1`: who a token is, and tokens for service accounts. Tokens stay out of every repr."""

from __future__ import annotations

from pydantic import Field

from reconcile.api.builtin import BuiltinKind, Items
from reconcile.api.meta_v1 import Time
from reconcile.api.model import Model, Resource

__all__ = [
    "BoundObjectReference",
    "TokenRequest",
    "TokenRequestSpec",
    "TokenRequestStatus",
    "TokenReview",
    "TokenReviewSpec",
    "TokenReviewStatus",
    "UserInfo",
]


class UserInfo(Model):
    """Who somebody is."""

    username: str = ""
    uid: str = ""
    groups: Items[str] = Field(default_factory=list)
    extra: dict[str, list[str]] | None = None


class TokenReviewSpec(Model):
    """The token to check, and for whom it must be meant."""

    token: str = Field(default="", repr=False)
    audiences: Items[str] = Field(default_factory=list)


class TokenReviewStatus(Model):
    """Whether the token is good, and whose it is."""

    authenticated: bool = False
    user: UserInfo = Field(default_factory=UserInfo)
    audiences: Items[str] = Field(default_factory=list)
    error: str = ""


class TokenReview(BuiltinKind):
    """Asks the API server whose token this is; created, never stored."""

    resource = Resource(
        "authentication.k8s.io", "v1", "TokenReview", "tokenreviews", namespaced=False, status_subresource=False
    )

    spec: TokenReviewSpec = Field(default_factory=TokenReviewSpec)
    status: TokenReviewStatus | None = None


class BoundObjectReference(Model):
    """The object whose deletion ends a token."""

    kind: str = ""
    api_version: str = ""
    name: str = ""
    uid: str = ""


class TokenRequestSpec(Model):
    """For whom a token is meant, and for how long (at least 600 s)."""

    audiences: Items[str] = Field(default_factory=list)
    expiration_seconds: int | None = None
    bound_object_ref: BoundObjectReference | None = None


class TokenRequestStatus(Model):
    """The token, and when it ends."""

    token: str = Field(default="", repr=False)
    expiration_timestamp: Time | None = None


class TokenRequest(BuiltinKind):
    """Asks for a token of a service account; see `Client.request_token`."""

    resource = Resource("authentication.k8s.io", "v1", "TokenRequest", "tokenrequests", status_subresource=False)

    spec: TokenRequestSpec = Field(default_factory=TokenRequestSpec)
    status: TokenRequestStatus | None = None
