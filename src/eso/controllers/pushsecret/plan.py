"""What to push to which store, decided before anything is written. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eso.api.externalsecrets_v1alpha1.pushsecret import (
    PushSecret,
    PushSecretData,
    PushSecretDataTo,
    PushSecretStoreRef,
)
from eso.controllers.pushsecret.expand import Expanded, expand, merge_entries
from eso.controllers.pushsecret.ledger import destination, key_of
from eso.errors import EsoError, InvalidSpecError, ReferenceNotFoundError
from eso.providers.base import PushEntry, PushRemoteRef, SourceSecret
from eso.stores.selection import AnyStore
from eso.transform.conversion import reverse_keys
from eso.transform.rewrite import TemplateCompiler
from eso.values import wrap_all
from reconcile.api.core_v1 import Secret
from reconcile.client.selectors import selector_of

__all__ = ["Planned", "StorePlan", "check_data_to", "check_selectors", "plan_places", "plan_stores"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One value to write.

    Attributes:
        record: what the status says about it.
        source: the Secret as the provider sees it.
        entry: which key goes where.
    """

    record: PushSecretData
    source: SourceSecret = field(repr=False)
    entry: PushEntry

    @property
    def where(self) -> str:
        """Where it goes, as the status names it."""
        return destination(self.record)


@dataclass(slots=True)
class StorePlan:
    """What to push to one store.

    Attributes:
        store: the store.
        entries: destination -> what to write, in the order of writing.
        errors: what cannot be pushed, and why; the first one counts.
        blocked: the entries contradict each other, so that the store gets none of them.
    """

    store: AnyStore
    entries: dict[str, Planned] = field(default_factory=dict)
    errors: list[EsoError] = field(default_factory=list)
    blocked: bool = False

    @property
    def key(self) -> str:
        """How the status names the store."""
        return key_of(self.store)


def check_data_to(push: PushSecret) -> None:
    """Every `dataTo` entry must name a store that `secretStoreRefs` names too, or select by labels.

    Raises:
        InvalidSpecError: it does not; the message names the entry.
    """
    named = {(ref.kind, ref.name) for ref in push.spec.secret_store_refs if ref.label_selector is None}
    for index, entry in enumerate(push.spec.data_to or ()):
        ref = entry.store_ref
        if ref is None:
            raise InvalidSpecError(f"dataTo[{index}]: storeRef is required")
        if not ref.name and ref.label_selector is None:
            raise InvalidSpecError(f"dataTo[{index}]: storeRef must have name or labelSelector")
        if ref.name and (ref.kind, ref.name) not in named:
            raise InvalidSpecError(f'dataTo[{index}]: storeRef "{ref.name}" not found in secretStoreRefs')


def check_selectors(push: PushSecret, stores: Sequence[AnyStore]) -> None:
    """Every `dataTo` entry that selects stores by labels must find one.

    Raises:
        InvalidSpecError: a selector is wrong, or finds none; the message names the entry.
    """
    for index, entry in enumerate(push.spec.data_to or ()):
        ref = entry.store_ref
        if ref is None or ref.name:
            continue
        try:
            found = any(_addresses(ref, store) for store in stores)
        except ValueError as err:
            raise InvalidSpecError(f"dataTo[{index}]: invalid labelSelector: {err}") from err
        if not found:
            raise InvalidSpecError(f"dataTo[{index}]: labelSelector does not match any store in secretStoreRefs")


def plan_stores(
    push: PushSecret, sources: Sequence[Secret], stores: Sequence[AnyStore], compile_template: TemplateCompiler
) -> list[StorePlan]:
    """What to push to each store, in the order of the stores.

    Where sources write to the same destination, the last one does: nothing is written twice in a pass. What is wrong about
    one store does not keep the others from their values.
    """
    plans = [StorePlan(store) for store in stores]
    for source in sources:
        view = _SourceView(push, source, compile_template)
        for plan in plans:
            view.add_to(plan)
    return plans


def plan_places(push: PushSecret, stores: Sequence[AnyStore]) -> list[StorePlan] | None:
    """Where the entries go, without values; enough to see whether all of it is there already.

    Returns:
        None when the values are needed to tell: `dataTo` names places by their keys, and entries that contradict each
        other are told by `plan_stores`.
    """
    if push.spec.data_to:
        return None
    nothing = SourceSecret(data={}, namespace=push.namespace)
    entries: dict[str, Planned] = {}
    for record in push.spec.data or ():
        planned = Planned(record, nothing, _entry(record))
        if planned.where in entries:
            return None
        entries[planned.where] = planned
    return [StorePlan(store, dict(entries)) for store in stores]


class _SourceView:
    """One source, with what several stores need of it worked out once."""

    def __init__(self, push: PushSecret, secret: Secret, compile_template: TemplateCompiler) -> None:
        self._push = push
        self._secret = secret
        self._compile = compile_template
        self._expanded: dict[tuple[int, ...], list[Expanded] | EsoError] = {}
        self._converted: dict[str, SourceSecret | EsoError] = {}

    def add_to(self, plan: StorePlan) -> None:
        try:
            wanted = self._addressing(plan.store)
            entries = self._entries(wanted)
        except EsoError as err:
            plan.errors.append(err)
            plan.blocked = True
            plan.entries.clear()
        if plan.blocked:
            return
        for one in entries:
            try:
                planned = self._planned(one)
            except EsoError as err:
                plan.errors.append(err)
                continue
            plan.entries.pop(planned.where, None)
            plan.entries[planned.where] = planned

    def _addressing(self, store: AnyStore) -> tuple[int, ...]:
        found = []
        for index, entry in enumerate(self._push.spec.data_to or ()):
            try:
                if entry.store_ref is not None and _addresses(entry.store_ref, store):
                    found.append(index)
            except ValueError as err:
                raise InvalidSpecError(f"failed to filter dataTo: dataTo[{index}]: {err}") from err
        return tuple(found)

    def _entries(self, wanted: tuple[int, ...]) -> list[Expanded]:
        if wanted not in self._expanded:
            try:
                self._expanded[wanted] = self._merged([(self._push.spec.data_to or [])[index] for index in wanted])
            except EsoError as err:
                self._expanded[wanted] = err
        found = self._expanded[wanted]
        if isinstance(found, EsoError):
            raise found
        return found

    def _merged(self, data_to: Sequence[PushSecretDataTo]) -> list[Expanded]:
        data = self._secret.data
        try:
            expanded = expand(data_to, data, self._compile)
        except EsoError as err:
            raise InvalidSpecError(f"failed to expand dataTo: {err}") from err
        try:
            return merge_entries(self._push.spec.data or (), expanded, data)
        except EsoError as err:
            raise InvalidSpecError(f"failed to merge data entries: {err}") from err

    def _planned(self, one: Expanded) -> Planned:
        record = one.entry
        if one.bundle is not None:
            source = self._source(one.bundle)
        else:
            source = self._converted_source(record.conversion_strategy)
        key = record.match.secret_key or ""
        if key and key not in source.data:
            raise ReferenceNotFoundError(f"secret key {key} does not exist")
        return Planned(record, source, _entry(record))

    def _converted_source(self, strategy: str) -> SourceSecret:
        if strategy not in self._converted:
            try:
                self._converted[strategy] = self._source(reverse_keys(self._secret.data, strategy))
            except EsoError as err:
                text = f"could not apply conversion strategy to keys: {err}"
                self._converted[strategy] = InvalidSpecError(text)
        found = self._converted[strategy]
        if isinstance(found, EsoError):
            raise found
        return found

    def _source(self, data: Mapping[str, bytes]) -> SourceSecret:
        secret = self._secret
        return SourceSecret(
            data=wrap_all(data),
            type=secret.type,
            labels=secret.metadata.labels,
            annotations=secret.metadata.annotations,
            name=secret.name,
            namespace=secret.namespace,
        )


def _entry(record: PushSecretData) -> PushEntry:
    ref = record.match.remote_ref
    return PushEntry(record.match.secret_key or "", PushRemoteRef(ref.remote_key, ref.property or ""), record.metadata)


def _addresses(ref: PushSecretStoreRef, store: AnyStore) -> bool:
    if ref.kind != store.resource.kind:
        return False
    if ref.name:
        return ref.name == store.name
    return ref.label_selector is not None and selector_of(ref.label_selector).matches(store.metadata.labels)
