"""Kinds that are known only when an ExternalSecret names them: looked up, and watched while somebody uses them."""

from __future__ import annotations

import re
from typing import Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.externalsecret.ownership import LABEL_MANAGED
from eso.controllers.externalsecret.watches import RESOURCE, resource_key
from eso.errors import InvalidSpecError
from reconcile.api.model import KubeObject, Resource, dynamic_kind
from reconcile.api.request import Request
from reconcile.cache.informer import Informer
from reconcile.client.client import Client
from reconcile.controller import Controller
from reconcile.errors import NotFoundError
from reconcile.predicates import resource_version_changed
from reconcile.watches import Watch

__all__ = ["DynamicKinds"]

_SELECTOR: Final = f"{LABEL_MANAGED}=true"
_API_VERSION: Final = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]+")


class DynamicKinds:
    """Finds kinds by apiVersion and kind, and keeps one watch for each that is in use.

    Args:
        client: asks the API server which kinds there are.
        informer: of ExternalSecrets, with an index by target resource.
    """

    def __init__(self, client: Client, informer: Informer[ExternalSecret]) -> None:
        self._client = client
        self._informer = informer
        self._controller: Controller | None = None
        self._known: dict[tuple[str, str], type[KubeObject]] = {}
        self._watches: dict[type[KubeObject], Watch] = {}
        self._users: dict[tuple[str, str], type[KubeObject]] = {}

    def bind(self, controller: Controller) -> None:
        """Name the controller whose queue the watches feed; call it once, before it runs.

        Raises:
            RuntimeError: it was called already.
        """
        if self._controller is not None:
            raise RuntimeError("the controller of the dynamic kinds is set already")
        self._controller = controller

    async def find(self, api_version: str, kind: str) -> type[KubeObject]:
        """The class for a kind.

        Raises:
            InvalidSpecError: the API server has no such kind, or it is not namespaced.
            ReconcileError: the API server could not be asked.
        """
        found = self._known.get((api_version, kind))
        if found is not None:
            return found
        if not _API_VERSION.fullmatch(api_version):
            raise InvalidSpecError(f"spec.target.manifest.apiVersion: {api_version} is no group and version")
        path = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = (await self._client.raw("GET", path)).get("resources") or ()
        except NotFoundError:
            listed = ()
        for one in listed:
            if one["kind"] == kind and "/" not in one["name"]:
                if not one["namespaced"]:
                    raise InvalidSpecError(f"spec.target.manifest: {kind} of {api_version} is not namespaced")
                group, _, version = api_version.rpartition("/")
                resource = Resource(group, version, kind, one["name"])
                return self._known.setdefault((api_version, kind), dynamic_kind(resource))
        raise InvalidSpecError(f"spec.target.manifest: the API server has no kind {kind} in {api_version}")

    def watch(self, kind: type[KubeObject], es: ExternalSecret) -> None:
        """See changes of targets of this kind from now on, because of `es`."""
        user = (es.namespace, es.name)
        if self._users.get(user) is kind:
            return
        self._drop(user)
        self._users[user] = kind
        if kind in self._watches or self._controller is None:
            return
        watch = Watch(kind, self._of_target, predicates=[resource_version_changed], label_selector=_SELECTOR)
        self._watches[kind] = watch
        self._controller.add_watch(watch)

    def release(self, es: ExternalSecret) -> None:
        """`es` needs no watch any more."""
        self._drop((es.namespace, es.name))

    def forget(self, namespace: str, name: str) -> None:
        """As `release`, for an object that is gone."""
        self._drop((namespace, name))

    def _drop(self, user: tuple[str, str]) -> None:
        kind = self._users.pop(user, None)
        if kind is None or kind in self._users.values():
            return
        watch = self._watches.pop(kind, None)
        if watch is not None and self._controller is not None:
            self._controller.remove_watch(watch)

    def _of_target(self, old: KubeObject | None, new: KubeObject | None) -> list[Request]:
        subject = new if new is not None else old
        if subject is None:
            return []
        value = resource_key(subject.resource.api_version, subject.resource.kind, subject.name)
        found = self._informer.list(subject.namespace, index=(RESOURCE, value))
        return [Request(es.namespace, es.name) for es in found]
