"""The client: every verb of the Kubernetes API on typed objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from reconcile.api.builtin import BuiltinKind
from reconcile.api.core_v1 import ServiceAccount
from reconcile.api.model import KubeObject, Model
from reconcile.client.config import Config
from reconcile.client.http import HttpTransport
from reconcile.client.objects import BoundToken, K, apply_body, decode, with_owner
from reconcile.client.patch import MergePatch, Patch, merge_diff, merge_patch
from reconcile.client.reader import Reader
from reconcile.client.rest import path_of
from reconcile.client.retry import RetryingTransport, RetryPolicy
from reconcile.client.transport import Transport
from reconcile.client.wire import MalformedError
from reconcile.errors import NotFoundError
from reconcile.metrics import ClientMetrics
from reconcile.statuswrites import expecting_status

__all__ = ["Client"]

_APPLY = "application/apply-patch+yaml"


class Client(Reader):
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
        super().__init__(transport)
        self.field_manager = field_manager

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def create(self, obj: K, *, field_manager: str | None = None, owner: KubeObject | None = None) -> K:
        """Store a new object and return it as the server has it; works for reviews too.

        Args:
            obj: with `metadata.name`, or with `metadata.generate_name`.
            field_manager: who owns its fields.
            owner: becomes its controller owner, so that it is deleted with it.

        Raises:
            AlreadyExistsError: the name is taken.
            ValueError: the kind is namespaced and `metadata.namespace` is empty.
            APIError, TransportError: the request failed.
        """
        if obj.resource.namespaced and not obj.namespace:
            raise ValueError(f"{obj.resource.kind} {obj.name} cannot be created: metadata.namespace is empty")
        body = with_owner(obj.to_wire(), owner)
        path = path_of(obj.resource, obj.namespace)
        return await self._write("POST", path, body, type(obj), field_manager=field_manager)

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
            if isinstance(obj, BuiltinKind) and obj.partial:
                raise TypeError(
                    f"a {obj.resource.kind} model is only a part of the object: replace its wire form, or patch"
                )
            target: type[K] = type(obj)
            body: Mapping[str, Any] = obj.to_wire()
        elif kind is not None:
            target, body = kind, obj
        else:
            raise TypeError("replace() needs the kind of an object in wire form")
        metadata = body.get("metadata") or {}
        path = path_of(target.resource, metadata.get("namespace", ""), metadata["name"], subresource)
        return await self._write("PUT", path, body, target, field_manager=field_manager)

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
        return await self._write(
            "PATCH", path, patch.encode(), kind, content_type=patch.content_type, field_manager=field_manager
        )

    async def patch_status(self, obj: K, status: Mapping[str, Any] | Model, *, field_manager: str | None = None) -> K:
        """Make `status` the status of an object; no request when it is already.

        Only what differs from `obj.status` is sent, so fields of others and unknown fields stay.

        Raises:
            NotFoundError: the object is gone.
            APIError, TransportError: the request failed.
        """
        wanted = status.to_wire() if isinstance(status, Model) else status
        current = obj.to_wire().get("status") or {}
        diff = merge_diff(current, wanted)
        if not diff:
            return obj
        with expecting_status(merge_patch(current, diff)):
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
        body = apply_body(obj, owner)
        query = {"force": "true"} if force else {}
        path = path_of(obj.resource, obj.namespace, obj.name, subresource)
        return await self._write(
            "PATCH",
            path,
            body,
            type(obj),
            content_type=_APPLY,
            field_manager=field_manager,
            query=query,
        )

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
        try:
            return BoundToken(status["token"], datetime.fromisoformat(status["expirationTimestamp"]))
        except (KeyError, TypeError, ValueError):
            # The chained error would quote the token.
            raise MalformedError(f"the API server gave no token for service account {namespace}/{name}") from None

    async def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes,
        kind: type[K],
        *,
        content_type: str = "application/json",
        field_manager: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> K:
        query = {"fieldManager": field_manager or self.field_manager, **(query or {})}
        encoded = body if isinstance(body, bytes) else msgspec.json.encode(body)
        answer = await self._call(method, path, query=query, body=encoded, content_type=content_type)
        return self._written(kind, answer)

    def _written(self, kind: type[K], answer: bytes) -> K:
        """The object as the server answered a write; CachedClient feeds its cache with it."""
        return decode(kind, answer)

    def _deleted(self, kind: type[KubeObject], name: str, namespace: str, answer: bytes) -> None:
        """Called with the server's answer to a deletion, empty when there was nothing to delete."""
