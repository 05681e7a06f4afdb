"""The target Secret: read from caches, decided on, and written only when something changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.controllers.conditions import cause_of
from eso.controllers.externalsecret.draft import Draft, Template, build
from eso.controllers.externalsecret.outcome import DELETED, MISSING, RETAINED, Failure, Outcome, Reason
from eso.controllers.externalsecret.ownership import (
    ANNOTATION_DATA_HASH,
    LABEL_MANAGED,
    LABEL_OWNER,
    OwnedByAnotherError,
    OwnershipError,
    controller_of,
    field_owner,
    owner_label,
)
from eso.controllers.externalsecret.refresh import version_of
from eso.controllers.externalsecret.refusals import refusal_of
from eso.errors import EsoError
from eso.transform.hash import object_hash
from reconcile.api.core_v1 import Secret
from reconcile.cache.informer import Informer
from reconcile.client.cached import CachedClient
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, ConflictError, NotFoundError, TransportError
from reconcile.events import EventRecorder

__all__ = ["TargetSecrets", "target_name"]

_TRIES: Final = 3
_FOREIGN_KEYS_STAY: Final = ("Merge", "CreateOrMerge")


class _ImmutableError(EsoError):
    """The Secret is immutable and its data would have to change."""


def target_name(es: ExternalSecret) -> str:
    """Name of the target: `spec.target.name`, else the ExternalSecret's own."""
    return es.spec.target.name or es.name


class TargetSecrets:
    """Everything that happens to target Secrets.

    Args:
        client: writes; what it writes is seen by the next read.
        managed: informer of whole Secrets with the managed label, indexed by the created-by label (`LABEL_OWNER`).
        metadata: informer of the metadata of all Secrets.
        events: told about every write.
    """

    def __init__(
        self, client: CachedClient, managed: Informer[Secret], metadata: Informer[Secret], events: EventRecorder
    ) -> None:
        self._client = client
        self._managed = managed
        self._metadata = metadata
        self._events = events

    async def read(self, es: ExternalSecret) -> Mapping[str, Any] | None:
        """The target as it is; None when it does not exist.

        A managed Secret comes from the cache, without managedFields; one that lost the label, or never had it, from the API
        server.
        """
        name = target_name(es)
        found = self._managed.get(name, es.namespace)
        if found is not None:
            return found.to_wire()
        if self._metadata.get(name, es.namespace) is None:
            return None
        return await self._read_live(es)

    async def _read_live(self, es: ExternalSecret) -> Mapping[str, Any] | None:
        try:
            return await self._client.live.get_wire(Secret, target_name(es), es.namespace)
        except NotFoundError:
            return None

    async def write(
        self, es: ExternalSecret, current: Mapping[str, Any] | None, data: Mapping[str, bytes], template: Template
    ) -> Outcome:
        """Bring the target to what `es` and `data` ask for.

        Args:
            es: the ExternalSecret.
            current: the target from `read`.
            data: what the providers gave.
            template: what the templates need; their sources do not matter to a target that is not filled.

        Raises:
            Failure: the condition tells why.
            ConflictError: somebody else keeps writing; try again.
        """
        policy = es.spec.target.creation_policy
        if policy == "Owner":
            await self._delete_orphans(es)
        if policy == "None":
            return await self._only_label(es, current)
        # managedFields say what to take away again; the cache does not hold them.
        if current is not None and (
            policy in _FOREIGN_KEYS_STAY
            or es.status.synced_resource_version != version_of(es)
            or _makes_names_in_metadata(es)
        ):
            current = await self._read_live(es)
        for attempt in range(_TRIES):
            try:
                return await self._write_once(es, current, data, template)
            except ConflictError:
                if attempt == _TRIES - 1:
                    raise
                current = await self._read_live(es)
            except (EsoError, APIError, TransportError) as err:
                raise _failure(err, target_name(es), data) from err
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _write_once(
        self, es: ExternalSecret, current: Mapping[str, Any] | None, data: Mapping[str, bytes], template: Template
    ) -> Outcome:
        name = target_name(es)
        if current is None:
            if es.spec.target.creation_policy == "Merge":
                return Outcome(Reason.MISSING, MISSING)
            draft = build(es, name, None, data, await template())
            await self._client.create(Secret.from_wire(draft.to_wire()), field_manager=field_owner(es.name))
            self._events.event(es, "Normal", "Created", "secret created")
            return Outcome().with_binding(name)
        before = Draft.of(current)
        render = _leave if es.spec.target.immutable else await template()
        draft = build(es, name, current, data, render)
        if draft.same_content(before) and draft.same_metadata(before):
            return Outcome().with_binding(name)
        if "managedFields" not in before.metadata:
            current = await self._read_live(es)
            if current is None:
                raise ConflictError(f'Secret "{name}" vanished while it was being updated', status=409)
            before = Draft.of(current)
            draft = build(es, name, current, data, render)
        await self._update(es, before, draft)
        return Outcome().with_binding(name)

    async def _update(self, es: ExternalSecret, before: Draft, draft: Draft) -> None:
        if draft.same_content(before) and draft.same_metadata(before):
            return
        content_changes = not draft.same_content(before)
        if before.immutable and content_changes:
            kept = Draft.of(before.to_wire())
            kept.metadata = {**draft.metadata}
            kept.metadata["annotations"] = {**draft.annotations, ANNOTATION_DATA_HASH: object_hash(before.data)}
            if not kept.same_metadata(before):
                await self._replace(es, kept)
            raise _ImmutableError("secret is immutable")
        await self._replace(es, draft)
        self._events.event(es, "Normal", "Updated", "secret updated")

    async def _replace(self, es: ExternalSecret, draft: Draft) -> None:
        await self._client.replace(draft.to_wire(), Secret, field_manager=field_owner(es.name))

    async def _only_label(self, es: ExternalSecret, current: Mapping[str, Any] | None) -> Outcome:
        if current is not None and (current["metadata"].get("labels") or {}).get(LABEL_MANAGED) != "true":
            patch = MergePatch({"metadata": {"labels": {LABEL_MANAGED: "true"}}})
            await self._client.patch(Secret, target_name(es), es.namespace, patch, field_manager=field_owner(es.name))
        return Outcome()

    async def _delete_orphans(self, es: ExternalSecret) -> None:
        """Delete what this ExternalSecret created under another name before."""
        label = owner_label(es.namespace, es.name)
        name = target_name(es)
        try:
            for orphan in self._managed.list(es.namespace, index=(LABEL_OWNER, label)):
                if orphan.name == name:
                    continue
                await self._client.delete(Secret, orphan.name, es.namespace, missing_ok=True)
                self._events.event(es, "Normal", "Deleted", "secret deleted because it was orphaned")
        except (APIError, TransportError) as err:
            raise Failure("could not delete orphaned secrets", cause_of(err)) from err

    async def when_empty(self, es: ExternalSecret, current: Mapping[str, Any] | None) -> Outcome | None:
        """What deletionPolicy says when the providers gave nothing; None means: go on with an empty map."""
        target = es.spec.target
        if target.deletion_policy == "Merge":
            return None
        if target.deletion_policy != "Delete":
            return Outcome(message=RETAINED)
        if target.creation_policy != "Owner":
            raise Failure(
                "could not delete secret",
                f"unable to delete secret {target_name(es)}: creationPolicy={target.creation_policy} is not Owner",
                retry=False,
            )
        if current is not None:
            try:
                await self._client.delete(Secret, target_name(es), es.namespace)
            except NotFoundError:
                pass
            except (APIError, TransportError) as err:
                raise Failure("could not delete secret", cause_of(err)) from err
            else:
                self._events.event(es, "Normal", "Deleted", DELETED)
        return Outcome(Reason.DELETED, DELETED)

    async def delete_owned(self, es: ExternalSecret) -> None:
        """Delete the target of an ExternalSecret that is being deleted, if it is its own."""
        current = await self._read_live(es)
        if current is None:
            return
        owner = controller_of(current["metadata"])
        if owner is not None and owner.get("uid") == es.metadata.uid:
            await self._client.delete(
                Secret, target_name(es), es.namespace, uid=current["metadata"]["uid"], missing_ok=True
            )


def _leave(_: Draft) -> None:
    """Render nothing: what is there stays."""


def _makes_names_in_metadata(es: ExternalSecret) -> bool:
    """Whether names of labels or annotations come out of a template, and so may go without an edit of the object."""
    template = es.spec.target.template
    sources = template.template_from or () if template is not None else ()
    return any(source.target.lower() in ("labels", "annotations") for source in sources)


def _failure(err: Exception, name: str, data: Mapping[str, bytes]) -> Failure:
    if isinstance(err, OwnedByAnotherError):
        return Failure("target is owned by another ExternalSecret", str(err), retry=False)
    if isinstance(err, OwnershipError):
        return Failure("failed to take ownership of target secret", str(err), retry=False)
    if isinstance(err, _ImmutableError):
        hint = f"unable to update secret {name}: {err}; delete it so that it is created anew, or set another spec.target.name"
        return Failure("could not update secret, target is immutable", hint, retry=False, binding=name)
    return Failure("could not update secret", refusal_of(err, data.values()))
