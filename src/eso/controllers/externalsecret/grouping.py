"""With which others an ExternalSecret is refreshed."""

from __future__ import annotations

from collections.abc import Iterator

from eso.api.externalsecrets_v1.externalsecret import ExternalSecret
from eso.api.externalsecrets_v1.refs import SecretStoreRef
from eso.controllers.slots import SlotGroup
from eso.controllers.storekeys import store_key

__all__ = ["slot_group"]


def slot_group(es: ExternalSecret, *, batched: bool = False) -> SlotGroup | None:
    """With which others the object is refreshed: those that read the same remote key of the same store.

    Of several keys the first by name counts. An object with generated values belongs to no group, because those are not
    to be replaced early.

    Args:
        es: the object.
        batched: its stores read many keys in one call.
    """
    for source in es.spec.data_from or ():
        if source.source_ref is not None and source.source_ref.generator_ref is not None:
            return None
    reads = sorted(_reads(es))
    return SlotGroup(*reads[0], batched) if reads else None


def _reads(es: ExternalSecret) -> Iterator[tuple[str, str]]:
    """Store and remote key of each entry; a search counts as the key that it is."""

    def store(ref: SecretStoreRef | None) -> str:
        ref = ref or es.spec.secret_store_ref or SecretStoreRef()
        return store_key(ref.kind or "SecretStore", es.namespace, ref.name or "")

    for item in es.spec.data or ():
        yield store(item.source_ref.store_ref if item.source_ref else None), item.remote_ref.key
    for source in es.spec.data_from or ():
        where = store(source.source_ref.store_ref if source.source_ref else None)
        if source.extract is not None:
            yield where, source.extract.key
        elif source.find is not None:
            yield where, source.find.model_dump_json(include={"path", "name", "tags"})
