"""The requests to the API server: discovery, access reviews, objects."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

from eso.errors import AccessDeniedError, InvalidSpecError
from eso.providers.base import ProviderCalls
from eso.providers.crd.spec import CRDProviderResource
from eso.providers.kubeconnection import error_of
from reconcile.api.authorization_v1 import ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec
from reconcile.api.model import Resource
from reconcile.client.client import Client
from reconcile.client.rest import path_of
from reconcile.errors import NotFoundError, ReconcileError

__all__ = ["ObjectsAPI", "discover"]

T = TypeVar("T")

_PAGE: Final = 500
"""Objects of one answer; the page size of kubectl."""


async def discover(client: Client, calls: ProviderCalls, wanted: CRDProviderResource) -> Resource:
    """How the server names a kind, and whether it lives in namespaces.

    Raises:
        InvalidSpecError: the server does not know it.
        ProviderError: by what the server answered.
    """
    group = "" if wanted.group == "core" else wanted.group
    path = f"/apis/{group}/{wanted.version}" if group else f"/api/{wanted.version}"
    shown = f"kind {wanted.kind} in {group or 'core'}/{wanted.version}"
    try:
        answer = await calls.write("Discovery", lambda: client.raw("GET", path))
    except NotFoundError as err:
        raise InvalidSpecError(f"the API server has no {shown}: check resource.group and resource.version") from err
    except ReconcileError as err:
        raise error_of(err, f"looking for {shown}") from err
    for found in answer.get("resources") or ():
        if found.get("kind") == wanted.kind and "/" not in found.get("name", "/"):
            return Resource(group, wanted.version, wanted.kind, found["name"], namespaced=bool(found.get("namespaced")))
    raise InvalidSpecError(f"the API server has no {shown}: check resource.kind")


class ObjectsAPI:
    """Objects of one kind.

    Args:
        client: of the API server; closed with this.
        calls: the metered way there.
        resource: the kind.
    """

    def __init__(self, client: Client, calls: ProviderCalls, resource: Resource) -> None:
        self._client = client
        self._calls = calls
        self.resource = resource

    async def get(self, namespace: str, name: str) -> dict[str, Any]:
        """One object with every field.

        Raises:
            NoSecretError: there is none.
            InvalidSpecError: no object can have this name.
        """
        try:
            path = path_of(self.resource, namespace, name)
        except ValueError as err:
            raise InvalidSpecError(f"remoteRef.key: {name!r} cannot be the name of an object") from err
        what = f"reading {self.resource.kind} {namespace}/{name}".replace(" /", " ")
        return await self._calls.read(
            "Get", ("get", namespace, name), lambda: _translated(what, self._client.raw("GET", path))
        )

    async def list(self, namespace: str) -> list[dict[str, Any]]:
        """All objects of a namespace, or of all when it is empty."""
        what = f"listing {self.resource.plural}"

        async def fetch() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = []
            query = {"limit": str(_PAGE)}
            while True:
                page = await _translated(what, self._client.raw("GET", path_of(self.resource, namespace), query=query))
                found += [self._named(item) for item in page.get("items") or ()]
                token = (page.get("metadata") or {}).get("continue") or ""
                if not token:
                    return found
                query = {"limit": str(_PAGE), "continue": token}

        return await self._calls.read("List", ("list", namespace), fetch)

    async def require(self, verb: str, namespace: str) -> None:
        """Make sure that the identity may do this.

        Raises:
            AccessDeniedError: it may not; an empty namespace asks for all of them.
        """
        attributes = ResourceAttributes(
            namespace=namespace,
            verb=verb,
            group=self.resource.group,
            version=self.resource.version,
            resource=self.resource.plural,
        )
        review = SelfSubjectAccessReview(spec=SelfSubjectAccessReviewSpec(resource_attributes=attributes))
        answer = await self._calls.write(
            "CreateSelfSubjectAccessReview",
            lambda: _translated("reviewing the permissions", self._client.create(review)),
        )
        if answer.status is None or not answer.status.allowed:
            where = f"in namespace {namespace}" if namespace else "in all namespaces"
            raise AccessDeniedError(f"the store's identity is not allowed to {verb} {self.resource.plural} {where}")

    async def close(self) -> None:
        """Release connections."""
        await self._client.close()

    def _named(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """An item of a list; the server leaves the kind of some out."""
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **item}


async def _translated(what: str, request: Awaitable[T]) -> T:
    try:
        return await request
    except ReconcileError as err:
        raise error_of(err, what) from err
