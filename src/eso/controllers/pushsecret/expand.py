"""`dataTo` to single entries: which keys of the source go where. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from eso.api.externalsecrets_v1alpha1.pushsecret import (
    PushSecretData,
    PushSecretDataTo,
    PushSecretMatch,
    PushSecretRemoteRef,
    PushSecretRewrite,
)
from eso.errors import EsoError, InvalidSpecError
from eso.transform.conversion import reverse_keys
from eso.transform.regexp import RegexpError, UserRegexp
from eso.transform.rewrite import KeyRenderer, TemplateCompiler

__all__ = ["BUNDLE", "Expanded", "expand", "merge_entries"]

BUNDLE: Final = "(bundle)"
"""How messages name an entry that pushes more than one key."""

_EXCLUSIVE: Final = (
    "remoteKey and rewrite are mutually exclusive: rewrite is only supported in per-key mode (without remoteKey)"
)


@dataclass(frozen=True, slots=True)
class Expanded:
    """One entry to push.

    Attributes:
        entry: as in `spec.data`, and as the status records it.
        bundle: the keys and values it pushes instead of the whole source; None means the source.
    """

    entry: PushSecretData
    bundle: Mapping[str, bytes] | None = field(default=None, repr=False)

    @property
    def source_key(self) -> str:
        """The key of the source, or what stands for several."""
        return self.entry.match.secret_key or BUNDLE


def expand(
    data_to: Sequence[PushSecretDataTo], data: Mapping[str, bytes], compile_template: TemplateCompiler
) -> list[Expanded]:
    """The entries of all `dataTo` entries of one store, in order.

    Args:
        data_to: those entries that address the store; messages count within this list.
        data: keys and values of the source.
        compile_template: for `rewrite[].transform`.

    Raises:
        InvalidSpecError: an entry is wrong, or two remote keys are the same; the message names the entry.
    """
    found: list[Expanded] = []
    taken: dict[str, tuple[int, str]] = {}
    for index, entry in enumerate(data_to):
        try:
            expanded = _expand_one(entry, data, compile_template)
        except EsoError as err:
            raise InvalidSpecError(f"dataTo[{index}]: {err}") from err
        for one in expanded:
            remote = one.entry.match.remote_ref.remote_key
            if remote in taken:
                at, key = taken[remote]
                raise InvalidSpecError(
                    f'dataTo[{index}]: duplicate remote key "{remote}" from source key "{one.source_key}" '
                    f"(conflicts with dataTo[{at}]:{key})"
                )
            taken[remote] = (index, one.source_key)
        found += expanded
    return found


def merge_entries(
    explicit: Sequence[PushSecretData], expanded: Sequence[Expanded], data: Mapping[str, bytes]
) -> list[Expanded]:
    """Expanded entries but for keys that `spec.data` names itself, then those of `spec.data`.

    Raises:
        InvalidSpecError: two entries have the same destination.
    """
    named = {_original(entry, data) for entry in explicit if entry.match.secret_key}
    kept = [one for one in expanded if not one.entry.match.secret_key or one.entry.match.secret_key not in named]
    found = [*kept, *(Expanded(entry) for entry in explicit)]
    taken: dict[tuple[str, str], str] = {}
    for one in found:
        ref = one.entry.match.remote_ref
        place = (ref.remote_key, ref.property or "")
        if place in taken:
            shown = f'"{ref.remote_key}"' + (f' with property "{ref.property}"' if ref.property else "")
            raise InvalidSpecError(
                f'duplicate remote key {shown}: source keys "{taken[place]}" and "{one.source_key}" '
                "both map to the same destination"
            )
        taken[place] = one.source_key
    return found


def _original(entry: PushSecretData, data: Mapping[str, bytes]) -> str:
    """The key in the Secret itself that an entry names, perhaps in converted form."""
    wanted = entry.match.secret_key or ""
    for key in data:
        if wanted in reverse_keys({key: None}, entry.conversion_strategy):
            return key
    return wanted


def _expand_one(
    entry: PushSecretDataTo, data: Mapping[str, bytes], compile_template: TemplateCompiler
) -> list[Expanded]:
    if entry.remote_key and entry.rewrite:
        raise InvalidSpecError(_EXCLUSIVE)
    originals = _matching(entry, data)
    if not originals:
        return []
    if entry.remote_key:
        match = PushSecretMatch(remote_ref=PushSecretRemoteRef(remote_key=entry.remote_key))
        bundle = {converted: data[original] for converted, original in originals.items()}
        return [Expanded(PushSecretData(match=match, metadata=entry.metadata), bundle)]
    try:
        remote_keys = _rewritten(list(originals), entry.rewrite or (), compile_template)
    except EsoError as err:
        raise InvalidSpecError(f"rewrite failed: {err}") from err
    found = []
    for converted, original in originals.items():
        remote = remote_keys[converted]
        if not remote:
            raise InvalidSpecError(f'empty remote key produced for source key "{original}"')
        match = PushSecretMatch(secret_key=original, remote_ref=PushSecretRemoteRef(remote_key=remote))
        found.append(Expanded(PushSecretData(match=match, metadata=entry.metadata)))
    return found


def _matching(entry: PushSecretDataTo, data: Mapping[str, bytes]) -> dict[str, str]:
    """Converted key -> key of the Secret, of those that match, sorted."""
    try:
        converted = reverse_keys({key: key for key in sorted(data)}, entry.conversion_strategy)
    except EsoError as err:
        raise InvalidSpecError(f"conversion failed: {err}") from err
    pattern = entry.match.regexp if entry.match is not None else None
    if pattern:
        try:
            expression = UserRegexp(pattern)
        except RegexpError as err:
            raise InvalidSpecError(f'match failed: failed to compile regexp pattern "{pattern}": {err}') from err
        converted = {key: original for key, original in converted.items() if expression.search(key)}
    return dict(sorted(converted.items()))


def _rewritten(
    keys: Sequence[str], operations: Sequence[PushSecretRewrite], compile_template: TemplateCompiler
) -> dict[str, str]:
    found = {key: key for key in keys}
    for index, operation in enumerate(operations):
        rename = _operation(index, operation, compile_template)
        found = {key: rename(current) for key, current in found.items()}
    return found


def _operation(index: int, operation: PushSecretRewrite, compile_template: TemplateCompiler) -> KeyRenderer:
    regexp, transform = operation.regexp, operation.transform
    if regexp is not None:
        try:
            pattern = UserRegexp(regexp.source)
        except RegexpError as err:
            raise InvalidSpecError(f'rewrite[{index}]: invalid regexp "{regexp.source}": {err}') from err
        return lambda key: pattern.replace_all(key, regexp.target)
    if transform is None:
        return lambda key: key
    try:
        renderer = compile_template(transform.template)
    except (EsoError, ValueError) as err:
        raise InvalidSpecError(f"rewrite[{index}]: invalid template: {err}") from err

    def render(key: str) -> str:
        try:
            return renderer(key)
        except (EsoError, ValueError) as err:
            raise InvalidSpecError(f'rewrite[{index}] on key "{key}": template exec: {err}') from err

    return render
