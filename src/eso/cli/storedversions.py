"""Storage-version migration: every object of a kind is written once, so that none is left in an old version.

A version may be removed from a CustomResourceDefinition only when `status.storedVersions` does not name it any more. The API server
never takes a name off that list by itself: whoever has written every object does. What was already written is not written
again, so a migration that was interrupted is simply run again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Final

from eso.cli.findings import Finding
from reconcile.api.apiextensions_v1 import CustomResourceDefinition
from reconcile.api.meta_v1 import ObjectMeta
from reconcile.api.model import KubeObject, dynamic_kind
from reconcile.client.client import Client
from reconcile.client.patch import MergePatch
from reconcile.errors import APIError, ConflictError, NotFoundError

__all__ = ["examine", "migrate"]

_PAGE: Final = 100
_TOLD: Final = 3


def _stored(crd: CustomResourceDefinition) -> list[str]:
    return (crd.status.stored_versions or []) if crd.status is not None else []


def _storage(crd: CustomResourceDefinition) -> str:
    return next(version.name for version in crd.spec.versions if version.storage)


async def _outdated(client: Client, kinds: Iterable[type[KubeObject]]) -> AsyncIterator[CustomResourceDefinition]:
    present = {crd.name: crd for crd in await client.list(CustomResourceDefinition)}
    for kind in kinds:
        crd = present.get(kind.resource.name)
        if crd is not None and _stored(crd) not in ([], [_storage(crd)]):
            yield crd


def _kind(crd: CustomResourceDefinition, kinds: Iterable[type[KubeObject]]) -> type[KubeObject] | None:
    """The kind in its storage version, if that is the one of this release."""
    kind = next(kind for kind in kinds if kind.resource.name == crd.name)
    return dynamic_kind(kind.resource) if kind.resource.version == _storage(crd) else None


def _foreign(crd: CustomResourceDefinition) -> Finding:
    hint = "install the definitions of this release first: kubectl apply --server-side -f config/crd/bases"
    return Finding(False, f"{crd.name} is stored as {_storage(crd)}, as in another release", hint)


async def examine(client: Client, kinds: Iterable[type[KubeObject]]) -> AsyncIterator[Finding]:
    """What `migrate` would do; nothing is written.

    Raises:
        ReconcileError: the cluster could not be read.
    """
    kinds = list(kinds)
    async for crd in _outdated(client, kinds):
        kind = _kind(crd, kinds)
        if kind is None:
            yield _foreign(crd)
            continue
        count = 0
        async for page in client.pages(kind, limit=_PAGE):
            count += len(page.items)
        old = ", ".join(version for version in _stored(crd) if version != _storage(crd))
        hint = f"`eso migrate` writes its {count} objects once, unchanged, and takes {old} off the list"
        yield Finding(False, f"{crd.name} has stored versions {', '.join(_stored(crd))}", hint)


async def migrate(client: Client, kinds: Iterable[type[KubeObject]]) -> AsyncIterator[Finding]:
    """Write every object that may be stored in an old version, and shorten `status.storedVersions`.

    The pace is that of the client (`qps`). A kind of which an object was refused keeps its list.

    Raises:
        ReconcileError: the cluster could not be read, or a definition could not be written.
    """
    kinds = list(kinds)
    async for crd in _outdated(client, kinds):
        kind = _kind(crd, kinds)
        if kind is None:
            yield _foreign(crd)
            continue
        # Listed to the end before the first write: at this pace a list would outlive the server's snapshot.
        found = [obj.metadata async for page in client.pages(kind, limit=_PAGE) for obj in page.items]
        problems = [await _rewrite(client, kind, metadata) for metadata in found]
        refused = [problem for problem in problems if problem]
        if refused:
            hint = "; ".join(refused[:_TOLD]) + ("; ..." if len(refused) > _TOLD else "")
            yield Finding(False, f"{crd.name}: {len(refused)} of {len(found)} objects could not be written", hint)
            continue
        yield await _shorten(client, crd, len(found))


async def _rewrite(client: Client, kind: type[KubeObject], metadata: ObjectMeta) -> str:
    """Why the object could not be written; empty when it was."""
    # Nothing but preconditions: the content stays, and the API server stores it in its storage version.
    same = MergePatch({"metadata": {"uid": metadata.uid, "resourceVersion": metadata.resource_version}})
    try:
        await client.patch(kind, metadata.name, metadata.namespace, same, field_manager="eso-migrate")
    except (NotFoundError, ConflictError):
        # It is gone, or somebody else has written it, which is as good.
        return ""
    except APIError as err:
        return f"{metadata.namespace}/{metadata.name}: {err}".removeprefix("/")
    return ""


async def _shorten(client: Client, crd: CustomResourceDefinition, count: int) -> Finding:
    # With the resourceVersion: nobody has changed the storage version meanwhile.
    wanted = {
        "metadata": {"resourceVersion": crd.metadata.resource_version},
        "status": {"storedVersions": [_storage(crd)]},
    }
    try:
        await client.patch(CustomResourceDefinition, crd.name, "", MergePatch(wanted), subresource="status")
    except ConflictError:
        return Finding(False, f"{crd.name} was changed meanwhile", "run `eso migrate` again")
    return Finding(True, f"{crd.name}: {count} objects are stored as {_storage(crd)}")
