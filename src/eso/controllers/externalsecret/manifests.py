"""Targets that are not Secrets (`spec.target.manifest`), behind `--unsafe-allow-generic-targets`."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.collector import Gatherer
from eso.controllers.externalsecret.dynamickinds import DynamicKinds
from eso.controllers.externalsecret.manifestdraft import build_manifest, content_hash, covers
from eso.controllers.externalsecret.outcome import DELETED, RETAINED, SYNCED, Failure, Outcome, Reason
from eso.controllers.externalsecret.ownership import (
    ANNOTATION_DATA_HASH,
    LABEL_MANAGED,
    LABEL_OWNER,
    OwnershipError,
    controller_of,
    field_owner,
    owner_label,
)
from eso.controllers.externalsecret.refusals import refusal_of
from eso.controllers.externalsecret.target import target_name
from eso.controllers.externalsecret.templates import TemplateRenderer
from eso.controllers.managedfields import owned_fields
from eso.errors import EsoError
from reconcile.api.model import KubeObject
from reconcile.client.cached import CachedClient
from reconcile.errors import ConflictError, ForbiddenError, NotFoundError, ReconcileError
from reconcile.events import EventRecorder

__all__ = ["ManifestTargets"]

_LOG: Final = logging.getLogger("controllers.ExternalSecret")
_MISSING: Final = "resource will not be created due to CreationPolicy=Merge"
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class _Seen:
    """A target as it was left: while its generation stays, nobody has changed its spec."""

    uid: str
    generation: int


class ManifestTargets:
    """`TargetReconciler` for any kind.

    Args:
        client: of the API server.
        kinds: finds kinds, and watches those that are used.
        gatherer: collects the data of an ExternalSecret.
        renderer: prepares templates.
        events: told about every write.
        enabled: whether the flag is set.
    """

    def __init__(
        self,
        client: CachedClient,
        *,
        kinds: DynamicKinds,
        gatherer: Gatherer,
        renderer: TemplateRenderer,
        events: EventRecorder,
        enabled: bool,
    ) -> None:
        self._client = client
        self._kinds = kinds
        self._gatherer = gatherer
        self._renderer = renderer
        self._events = events
        self._enabled = enabled
        self._seen: dict[tuple[str, str, str], _Seen] = {}

    async def pass_over(self, es: ExternalSecret, *, due: bool, max_age: float) -> Outcome | None:
        """Bring the target up to date; None when nothing was due.

        Raises:
            Failure: the condition tells why.
            ConflictError: somebody else keeps writing; try again.
        """
        kind = await self._checked_kind(es)
        policy = es.spec.target.creation_policy
        current = None
        if policy != "None":
            current = await self._read(kind, es)
            self._kinds.watch(kind, es)
        intact = self._is_intact(current)
        if not due and (intact or policy == "Orphan"):
            return None
        async with self._gatherer.gathered(es, max_age=max_age, reason=Reason.RESOURCE_ERROR) as data:
            if not data:
                settled = await self._when_empty(es, kind, current)
                if settled is not None:
                    return settled
            return await self._write(es, kind, current, data, intact=intact)

    async def _checked_kind(self, es: ExternalSecret) -> type[KubeObject]:
        manifest = es.spec.target.manifest
        assert manifest is not None
        for problem, when in (
            ("generic targets are disabled; start the operator with --unsafe-allow-generic-targets", not self._enabled),
            ("target.manifest.apiVersion is required", not manifest.api_version),
            ("target.manifest.kind is required", not manifest.kind),
        ):
            if when:
                raise Failure("invalid generic target", problem, retry=False)
        _LOG.warning("writing secret data to a %s: it is not protected as Secrets are", manifest.kind)
        try:
            return await self._kinds.find(manifest.api_version, manifest.kind)
        except (EsoError, ReconcileError) as err:
            raise Failure("could not get target resource", cause_of(err), reason=Reason.RESOURCE_ERROR) from err

    async def _read(self, kind: type[KubeObject], es: ExternalSecret) -> Mapping[str, Any] | None:
        try:
            return await self._client.live.get_wire(kind, target_name(es), es.namespace)
        except NotFoundError:
            return None
        except ReconcileError as err:
            cause = _with_permission(err, kind)
            raise Failure("could not get target resource", cause, reason=Reason.RESOURCE_ERROR) from err

    def _is_intact(self, current: Mapping[str, Any] | None) -> bool:
        """Whether the target is as the last sync left it."""
        if current is None:
            return False
        metadata = current["metadata"]
        if (metadata.get("labels") or {}).get(LABEL_MANAGED) != "true":
            return False
        seen = self._seen.get(_key(current))
        if seen is not None and metadata.get("generation"):
            # Fields that the API server fills in change the hash, but nobody's edit leaves the generation as it was.
            return seen == _Seen(metadata["uid"], metadata["generation"])
        try:
            return (metadata.get("annotations") or {}).get(ANNOTATION_DATA_HASH) == content_hash(current)
        except EsoError:
            return False

    async def _when_empty(
        self, es: ExternalSecret, kind: type[KubeObject], current: Mapping[str, Any] | None
    ) -> Outcome | None:
        target = es.spec.target
        if target.deletion_policy == "Merge":
            return None
        if target.deletion_policy != "Delete":
            return Outcome(Reason.RESOURCE_SYNCED, RETAINED)
        if target.creation_policy != "Owner":
            cause = f"creationPolicy={target.creation_policy} is not Owner"
            raise Failure("could not delete resource", cause, reason=Reason.RESOURCE_ERROR, retry=False)
        if current is not None:
            await self._delete(es, kind, current)
        return Outcome(Reason.RESOURCE_DELETED, DELETED)

    async def _delete(self, es: ExternalSecret, kind: type[KubeObject], current: Mapping[str, Any]) -> None:
        metadata = current["metadata"]
        owner = controller_of(metadata)
        if owner is None or owner.get("uid") != es.metadata.uid:
            return
        try:
            await self._client.delete(kind, metadata["name"], es.namespace, uid=metadata["uid"], missing_ok=True)
        except ReconcileError as err:
            cause = _with_permission(err, kind)
            raise Failure("could not delete resource", cause, reason=Reason.RESOURCE_ERROR) from err
        self._events.event(es, "Normal", "Deleted", f"Deleted {kind.resource.kind} {metadata['name']}")

    async def _write(
        self,
        es: ExternalSecret,
        kind: type[KubeObject],
        current: Mapping[str, Any] | None,
        data: Mapping[str, bytes],
        *,
        intact: bool,
    ) -> Outcome:
        policy = es.spec.target.creation_policy
        done = Outcome(Reason.RESOURCE_SYNCED, SYNCED)
        if policy == "None":
            return done
        for attempt in range(_TRIES):
            wanted = await self._built(es, current, data)
            if current is None and policy == "Merge":
                return Outcome(Reason.RESOURCE_MISSING, _MISSING)
            try:
                await self._put(es, kind, current, wanted, intact=intact)
            except ConflictError:
                if attempt == _TRIES - 1:
                    raise
                current = await self._read(kind, es)
                continue
            except ReconcileError as err:
                cause = _with_permission(err, kind, data)
                raise Failure("could not update secret", cause, reason=Reason.RESOURCE_ERROR) from err
            await self._delete_orphans(es, kind)
            return done
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _built(
        self, es: ExternalSecret, current: Mapping[str, Any] | None, data: Mapping[str, bytes]
    ) -> dict[str, Any]:
        managed_fields = current["metadata"].get("managedFields") if current is not None else None
        try:
            return build_manifest(
                es,
                target_name(es),
                current,
                data,
                await self._renderer.steps(es),
                owned=owned_fields(managed_fields, (field_owner(es.name),)),
                delims=self._renderer.delims,
            )
        except OwnershipError as err:
            raise Failure(
                "could not apply template to manifest", cause_of(err), reason=Reason.RESOURCE_ERROR, retry=False
            ) from err
        except EsoError as err:
            cause = cause_of(err)
            raise Failure("could not apply template to manifest", cause, reason=Reason.RESOURCE_ERROR) from err

    async def _put(
        self,
        es: ExternalSecret,
        kind: type[KubeObject],
        current: Mapping[str, Any] | None,
        wanted: dict[str, Any],
        *,
        intact: bool,
    ) -> None:
        name = wanted["metadata"]["name"]
        if current is None:
            written = await self._client.create(kind.from_wire(wanted), field_manager=field_owner(es.name))
            self._events.event(es, "Normal", "Created", f"Created {kind.resource.kind} {name}")
        elif intact and covers(current, wanted) and not _stale_metadata(current, wanted):
            self._seen[_key(current)] = _Seen(current["metadata"]["uid"], current["metadata"].get("generation", 0))
            return
        else:
            body = {**wanted, "metadata": {k: v for k, v in wanted["metadata"].items() if k != "managedFields"}}
            # What others have added to it goes by this too; where there is nothing of that kind, the API server changes nothing.
            written = await self._client.replace(body, kind, field_manager=field_owner(es.name))
            if written.metadata.resource_version != current["metadata"]["resourceVersion"]:
                self._events.event(es, "Normal", "Updated", f"Updated {kind.resource.kind} {name}")
        self._seen[_key(wanted)] = _Seen(written.metadata.uid, written.metadata.generation)

    async def _delete_orphans(self, es: ExternalSecret, kind: type[KubeObject]) -> None:
        """Delete what this ExternalSecret made under another name before."""
        if es.spec.target.creation_policy != "Owner":
            return
        label = f"{LABEL_OWNER}={owner_label(es.namespace, es.name)}"
        found = await self._client.live.list(kind, es.namespace, label_selector=label)
        for orphan in found:
            owner = orphan.metadata.controller
            if orphan.name != target_name(es) and owner is not None and owner.uid == es.metadata.uid:
                await self._client.delete(orphan, missing_ok=True)
                self._events.event(es, "Normal", "Deleted", f"Deleted {kind.resource.kind} {orphan.name}")

    async def clean_up(self, es: ExternalSecret) -> None:
        """The ExternalSecret is being deleted: delete its target where deletionPolicy says so, and stop watching for it.

        Raises:
            ReconcileError: it could not be deleted; the finalizer stays.
        """
        self._kinds.release(es)
        if not self._enabled or es.spec.target.deletion_policy != "Delete" or es.spec.target.manifest is None:
            return
        manifest = es.spec.target.manifest
        try:
            kind = await self._kinds.find(manifest.api_version, manifest.kind)
            current = await self._client.live.get_wire(kind, target_name(es), es.namespace)
        except (EsoError, NotFoundError):
            return
        await self._delete(es, kind, current)

    def forget(self, namespace: str, name: str) -> None:
        """The ExternalSecret is gone."""
        self._kinds.forget(namespace, name)


def _key(wire: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = wire["metadata"]
    return f"{wire.get('apiVersion')}/{wire.get('kind')}", metadata.get("namespace", ""), metadata["name"]


def _stale_metadata(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether labels, annotations or owners would have to go."""
    keys = ("labels", "annotations", "ownerReferences")
    before, after = current["metadata"], wanted["metadata"]
    return any((before.get(key) or None) != (after.get(key) or None) for key in keys)


def _with_permission(err: Exception, kind: type[KubeObject], data: Mapping[str, bytes] | None = None) -> str:
    if not isinstance(err, ForbiddenError):
        return refusal_of(err, (data or {}).values())
    resource = kind.resource
    return (
        f"{cause_of(err)}; the operator needs get, list, watch, create, update, patch and delete on "
        f'{resource.plural} of the API group "{resource.group}" (Helm: genericTargets.resources)'
    )
