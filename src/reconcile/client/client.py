"""The client: every verb of the Kubernetes API on typed objects."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec

from reconcile.api.core_v1 import ServiceAccount
from reconcile.api.model import KubeObject, Model
from reconcile.api.request import Request
from reconcile.client import listing
from reconcile.client.config import Config
from reconcile.client.http import HttpTransport
from reconcile.client.objects import BoundToken, K, ObjectList, WatchEvent, decode, decode_metadata, with_owner
from reconcile.client.patch import MergePatch, Patch, merge_diff
from reconcile.client.rest import path_of, raise_for_status
from reconcile.client.retry import RetryingTransport, RetryPolicy
from reconcile.client.transport import Transport
from reconcile.errors import GoneError, NotFoundError
from reconcile.metrics import ClientMetrics

__all__ = ["Client"]

_APPLY = "application/apply-patch+yaml"
# client-go's default page: large enough that pages do not matter, small enough for the server's memory.
_PAGE = 500


class Client:
    """Reads and writes objects at one API server.

    Args:
        transport: a configuration, or the transport itself.
        field_manager: the name that owns the fields written here, unless a call says otherwise.
        qps: requests per second allowed on average; None means no limit on this side.
        burst: requests allowed at once when `qps` is set.
        metrics: where requests are counted.
        retry: how often failed requests are sent again.
    """

    def __init__(
        self,
        transport: Transport | Config,
        *,
        field_manager: str = "reconcile",
        qps: float | None = None,
        burst: int | None = None,
        metrics: ClientMetrics | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if isinstance(transport, Config):
            transport = HttpTransport(transport)
        if not isinstance(transport, RetryingTransport):
            transport = RetryingTransport(transport, policy=retry, qps=qps, burst=burst, metrics=metrics)
        self.transport: Transport = transport
        self.field_manager = field_manager

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release connections."""
        await self.transport.close()

    async def get(self, kind: type[K], name: str, namespace: str = "") -> K:
        """The object of that name.

        Raises:
            NotFoundError: there is none.
            APIError, TransportError: the request failed.
            DecodeError: what came back is not a `kind`.
        """
        return decode(kind, await self._call("GET", path_of(kind.resource, namespace, name)))

    async def find(self, kind: type[K], request: Request | str, namespace: str = "") -> K | None:
        """The object that a request or a name names, or None; otherwise as `get`."""
        name, namespace = (request.name, request.namespace) if isinstance(request, Request) else (request, namespace)
        try:
            return await self.get(kind, name, namespace)
        except NotFoundError:
            return None

    async def get_wire(self, kind: type[KubeObject], name: str, namespace: str = "") -> dict[str, Any]:
        """The object with every field the server knows, for a `replace` that must not lose any.

        Raises:
            NotFoundError: there is none.
            APIError, TransportError: the request failed.
        """
        body: dict[str, Any] = msgspec.json.decode(await self._call("GET", path_of(kind.resource, namespace, name)))
        return body

    async def list(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = _PAGE,
    ) -> ObjectList[K]:
        """All objects of a kind, page after page.

        Args:
            kind: the kind.
            namespace: empty for all namespaces.
            label_selector: as in `kubectl -l`.
            field_selector: for example `metadata.name=x`.
            limit: objects per page; 0 asks for everything at once.

        Raises:
            APIError, TransportError: a page failed.
            DecodeError: an item is not a `kind`.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        items: list[K] = []
        version, token = "", ""
        restarted = False
        while True:
            try:
                page = await listing.list_page(self.transport, scope, limit=limit, continue_token=token)
            except GoneError:
                # The snapshot behind the continue token is compacted; a second time means the list is too slow.
                if not token or restarted:
                    raise
                items, token, restarted, limit = [], "", True, 0
                continue
            items += [decode(kind, item) for item in page.items or ()]
            version, token = page.metadata.resource_version, page.metadata.continue_
            if not token:
                return ObjectList(items, version)

    async def pages(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = _PAGE,
    ) -> AsyncGenerator[ObjectList[K], None]:
        """The pages of a list, each as it arrives.

        Raises:
            GoneError: the list took longer than the server keeps its snapshot; start again.
            APIError, TransportError: a page failed.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        token = ""
        while True:
            page = await listing.list_page(self.transport, scope, limit=limit, continue_token=token)
            token = page.metadata.continue_
            yield ObjectList([decode(kind, item) for item in page.items or ()], page.metadata.resource_version, token)
            if not token:
                return

    async def watch(
        self,
        kind: type[K],
        namespace: str = "",
        *,
        resource_version: str = "",
        label_selector: str = "",
        field_selector: str = "",
        timeout: float | None = None,
        idle_timeout: float = listing.IDLE_TIMEOUT,
    ) -> AsyncGenerator[WatchEvent[K], None]:
        """Changes after `resource_version`, until the server ends the watch; `reconcile.cache` does not end.

        Wrap it in `contextlib.aclosing` when leaving early. Cancellation closes the connection.

        Args:
            kind: the kind.
            namespace: empty for all namespaces.
            resource_version: where to start; empty starts with the present objects as ADDED.
            label_selector: as in `kubectl -l`.
            field_selector: for example `metadata.name=x`.
            timeout: seconds after which the server ends the watch; 5 to 10 minutes when None.
            idle_timeout: seconds without a byte after which the connection counts as dead.

        Raises:
            GoneError: the resource version is too old: list again.
            APIError, TransportError: the watch failed; resume at the last version seen.
            DecodeError: an object is not a `kind`.
        """
        scope = listing.Scope(kind.resource, namespace, label_selector, field_selector)
        events = listing.watch(
            self.transport, scope, resource_version=resource_version, timeout=timeout, idle_timeout=idle_timeout
        )
        async with aclosing(events):
            async for event in events:
                read = decode_metadata if event.type == "BOOKMARK" else decode
                found = read(kind, event.object)
                yield WatchEvent(event.type, found, found.metadata.resource_version)

    async def create(self, obj: K, *, field_manager: str | None = None, owner: KubeObject | None = None) -> K:
        """Store a new object and return it as the server has it; works for reviews too.

        Args:
            obj: with `metadata.name`, or with `metadata.generate_name`.
            field_manager: who owns its fields.
            owner: becomes its controller owner, so that it is deleted with it.

        Raises:
            AlreadyExistsError: the name is taken.
            APIError, TransportError: the request failed.
        """
        body = with_owner(obj.to_wire(), owner)
        path = path_of(obj.resource, obj.namespace)
        answer = await self._write("POST", path, body, type(obj), field_manager=field_manager)
        return decode(type(obj), answer)

    async def replace(
        self,
        obj: K | Mapping[str, Any],
        kind: type[K] | None = None,
        *,
        field_manager: str | None = None,
        subresource: str = "",
    ) -> K:
        """Put a whole object in the place of the stored one.

        Fields that a model does not know are lost: give the wire form of `get_wire` and its `kind` to keep them.

        Args:
            obj: with `metadata.resourceVersion`, so that nobody's change is overwritten.
            kind: needed when `obj` is a mapping.
            field_manager: who owns the changed fields.
            subresource: for example `status`.

        Raises:
            ConflictError: the object changed since it was read.
            NotFoundError: it is gone.
            APIError, TransportError: the request failed.
        """
        if isinstance(obj, KubeObject):
            target: type[K] = type(obj)
            body: Mapping[str, Any] = obj.to_wire()
        elif kind is not None:
            target, body = kind, obj
        else:
            raise TypeError("replace() needs the kind of an object in wire form")
        metadata = body.get("metadata") or {}
        path = path_of(target.resource, metadata.get("namespace", ""), metadata["name"], subresource)
        return decode(target, await self._write("PUT", path, body, target, field_manager=field_manager))

    async def patch(
        self,
        kind: type[K],
        name: str,
        namespace: str,
        patch: Patch,
        *,
        subresource: str = "",
        field_manager: str | None = None,
    ) -> K:
        """Change parts of an object.

        Raises:
            NotFoundError: there is none.
            ConflictError: the patch holds a resourceVersion and the object changed since.
            InvalidError: the result is not valid, or a `test` operation failed.
            APIError, TransportError: the request failed.
        """
        path = path_of(kind.resource, namespace, name, subresource)
        answer = await self._write(
            "PATCH", path, patch.encode(), kind, content_type=patch.content_type, field_manager=field_manager
        )
        return decode(kind, answer)

    async def patch_status(self, obj: K, status: Mapping[str, Any] | Model, *, field_manager: str | None = None) -> K:
        """Make `status` the status of an object; no request when it is already.

        Only what differs from `obj.status` is sent, so fields of others and unknown fields stay.

        Raises:
            NotFoundError: the object is gone.
            APIError, TransportError: the request failed.
        """
        wanted = status.to_wire() if isinstance(status, Model) else status
        diff = merge_diff(obj.to_wire().get("status") or {}, wanted)
        if not diff:
            return obj
        return await self.patch(
            type(obj),
            obj.name,
            obj.namespace,
            MergePatch({"status": diff}),
            subresource="status",
            field_manager=field_manager,
        )

    async def apply(
        self,
        obj: K,
        *,
        field_manager: str | None = None,
        owner: KubeObject | None = None,
        force: bool = False,
        subresource: str = "",
    ) -> K:
        """Server-side apply: these fields have these values and are ours; fields we no longer name go away.

        Args:
            obj: only the fields to own.
            field_manager: who owns them.
            owner: becomes the controller owner.
            force: take fields that another manager owns with another value.
            subresource: for example `status`.

        Raises:
            ConflictError: another manager owns a field; `causes` name the fields and managers.
            APIError, TransportError: the request failed.
        """
        body = with_owner(obj.to_wire(), owner)
        metadata = {
            key: value
            for key, value in body["metadata"].items()
            if key not in ("managedFields", "resourceVersion", "creationTimestamp", "generation", "uid")
        }
        query = {"force": "true"} if force else {}
        path = path_of(obj.resource, obj.namespace, obj.name, subresource)
        answer = await self._write(
            "PATCH",
            path,
            {**body, "metadata": metadata},
            type(obj),
            content_type=_APPLY,
            field_manager=field_manager,
            query=query,
        )
        return decode(type(obj), answer)

    async def delete(
        self,
        target: type[KubeObject] | KubeObject,
        name: str = "",
        namespace: str = "",
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str = "",
        missing_ok: bool = False,
    ) -> None:
        """Ask for deletion; finalizers may delay it.

        Args:
            target: the kind, with `name` and `namespace`; or an object, which is deleted only if it is still that one.
            name: of the object, when `target` is a kind.
            namespace: of the object, when `target` is a kind.
            uid: delete only the object with this uid.
            resource_version: delete only if unchanged since this version.
            propagation: `Background`, `Foreground` or `Orphan`; empty leaves it to the kind.
            missing_ok: an object that is gone already is no error.

        Raises:
            NotFoundError: there is no such object, unless `missing_ok`.
            ConflictError: `uid` or `resource_version` no longer match.
            APIError, TransportError: the request failed.
        """
        if isinstance(target, KubeObject):
            kind, name, namespace = type(target), target.name, target.namespace
            uid = uid if uid is not None else target.metadata.uid
        else:
            kind = target
        conditions = {"uid": uid, "resourceVersion": resource_version}
        conditions = {key: value for key, value in conditions.items() if value}
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if conditions:
            options["preconditions"] = conditions
        if propagation:
            options["propagationPolicy"] = propagation
        try:
            answer = await self._call(
                "DELETE", path_of(kind.resource, namespace, name), body=msgspec.json.encode(options)
            )
        except NotFoundError:
            self._deleted(kind, name, namespace, b"")
            if not missing_ok:
                raise
            return
        self._deleted(kind, name, namespace, answer)

    async def request_token(
        self, namespace: str, name: str, audiences: Sequence[str] = (), ttl: float = 600.0
    ) -> BoundToken:
        """A token of a service account.

        Args:
            namespace: of the service account.
            name: of the service account.
            audiences: who may accept the token; empty means the API server.
            ttl: seconds it should be valid; the server allows no less than 600.

        Raises:
            NotFoundError: there is no such service account.
            APIError, TransportError: the request failed.
        """
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": list(audiences), "expirationSeconds": int(ttl)},
        }
        path = f"{path_of(ServiceAccount.resource, namespace, name)}/token"
        status = (await self.raw("POST", path, body=body)).get("status") or {}
        return BoundToken(status["token"], datetime.fromisoformat(status["expirationTimestamp"]))

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> dict[str, Any]:
        """Any other request, JSON in and JSON out.

        Raises:
            APIError, TransportError: the request failed.
        """
        encoded = None if body is None else msgspec.json.encode(body)
        answer = await self._call(method, path, query=query, body=encoded, content_type=content_type, timeout=timeout)
        return msgspec.json.decode(answer) if answer else {}

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        timeout: float | None = None,
    ) -> bytes:
        response = await self.transport.request(
            method, path, query=query, body=body, content_type=content_type, timeout=timeout
        )
        return raise_for_status(response).body

    async def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes,
        kind: type[KubeObject],
        *,
        content_type: str = "application/json",
        field_manager: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        query = {"fieldManager": field_manager or self.field_manager, **(query or {})}
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await self._call(method, path, query=query, body=encoded, content_type=content_type)
        self._written(kind, answer)
        return answer

    def _written(self, kind: type[KubeObject], answer: bytes) -> None:
        """Called with every object as the server answered a write; CachedClient feeds its cache with it."""

    def _deleted(self, kind: type[KubeObject], name: str, namespace: str, answer: bytes) -> None:
        """Called with the server's answer to a deletion, empty when there was nothing to delete."""
