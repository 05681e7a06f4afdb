"""The definition of an environment: YAML in which one value is set and everything else stays as it was written.

Source of the syntax: the vendor's documentation, "Environment definition syntax"; values that are functions have a key that begins
with `fn::`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import yaml

from eso.errors import InvalidRequestError

__all__ = ["with_secret"]

_VALUES: Final = "values"
_FUNCTION: Final = "fn::"
_SECRET: Final = "fn::secret"
_INDENT: Final = 2
_TEXT: Final = "tag:yaml.org,2002:str"
_MAP: Final = "tag:yaml.org,2002:map"


class _Place(NamedTuple):
    """Where the new value goes.

    Attributes:
        parent: the innermost mapping on the path that is there.
        at: index of the entry that is replaced; None where one is added.
        rest: keys from there on, the first one is the entry's.
    """

    parent: yaml.MappingNode
    at: int | None
    rest: Sequence[str]


def with_secret(text: str, path: Sequence[str], value: str) -> str:
    """The definition with a secret at a path of its values; mappings on the way are made, what is no mapping gives way.

    Comments and formatting stay, unless the YAML is so unusual that it has to be written anew.

    Args:
        text: the definition.
        path: keys below `values`.
        value: of the secret.

    Raises:
        InvalidRequestError: the definition is not YAML or has aliases, or a value on the way is computed by a function.
    """
    try:
        root = _composed(text)
        _plain(root, set())
        place = _find(root, (_VALUES, *path))
        new = _nested(place.rest[1:], value)
        entry = yaml.MappingNode(_MAP, [(yaml.ScalarNode(_TEXT, place.rest[0]), new)], flow_style=False)
        spliced = _spliced(text, place, entry)
        if place.at is None:
            place.parent.value.extend(entry.value)
        else:
            place.parent.value[place.at] = (place.parent.value[place.at][0], new)
        wanted = _plain(root, set())
        return spliced if _means(spliced, wanted) else _serialized(root)
    except RecursionError:
        raise InvalidRequestError("the definition of the environment is nested too deeply") from None


def _composed(text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError):
        # Their texts hold parts of the definition.
        raise InvalidRequestError("the definition of the environment is not YAML") from None
    if root is None:
        return yaml.MappingNode(_MAP, [], flow_style=False)
    if not isinstance(root, yaml.MappingNode):
        raise InvalidRequestError("the definition of the environment is not a mapping")
    return root


def _find(root: yaml.MappingNode, path: Sequence[str]) -> _Place:
    node = root
    for depth, segment in enumerate(path):
        keys = [key.value if isinstance(key, yaml.ScalarNode) else None for key, _ in node.value]
        function = next((key for key in keys if key is not None and key.startswith(_FUNCTION)), None)
        if function is not None:
            raise InvalidRequestError(
                f"{'.'.join(path[1:depth])} of the environment is computed by {function}, it cannot hold {segment}"
            )
        if segment not in keys:
            return _Place(node, None, path[depth:])
        index = keys.index(segment)
        child = node.value[index][1]
        if depth == len(path) - 1 or not isinstance(child, yaml.MappingNode):
            return _Place(node, index, path[depth:])
        node = child
    raise AssertionError  # The last segment returns.


def _nested(keys: Sequence[str], value: str) -> yaml.MappingNode:
    node: yaml.Node = yaml.ScalarNode(_TEXT, value, style='"')
    for key in reversed((*keys, _SECRET)):
        node = yaml.MappingNode(_MAP, [(yaml.ScalarNode(_TEXT, key), node)], flow_style=False)
    assert isinstance(node, yaml.MappingNode)
    return node


def _spliced(text: str, place: _Place, entry: yaml.MappingNode) -> str:
    """The text with the entry in it; what it means is to be checked, for YAML has more forms than are told apart here."""
    parent = place.parent
    if place.at is not None:
        return _replaced(text, parent, parent.value[place.at][1], entry.value[0][1])
    if parent.flow_style:
        at = parent.end_mark.index - 1
        return f"{text[:at]}{', ' if parent.value else ''}{_flow(entry)[1:-1]}{text[at:]}"
    at = _line_after(text, _end(parent)) if parent.value else len(text)
    head = text[:at] if not text[:at] or text[:at].endswith("\n") else text[:at] + "\n"
    return head + _block(entry, parent.start_mark.column if parent.value else 0) + text[at:]


def _replaced(text: str, parent: yaml.MappingNode, old: yaml.Node, new: yaml.Node) -> str:
    start, end = old.start_mark.index, _end(old)
    if parent.flow_style:
        return f"{text[:start].rstrip(' ')} {_flow(new)}{text[end:]}"
    if isinstance(old, yaml.MappingNode) and old.value and not old.flow_style:
        return text[:start] + _block(new, old.start_mark.column).strip() + text[end:]
    block = _block(new, parent.start_mark.column + _INDENT)
    if not text[start:end].endswith("\n"):
        block = block.removesuffix("\n")
    return f"{text[:start].rstrip()}\n{block}{text[end:]}"


def _end(node: yaml.Node) -> int:
    """Where the text of a node ends; that of a block collection does not count what stands between it and the next token."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(node, yaml.MappingNode) else last
    return int(node.end_mark.index)


def _line_after(text: str, at: int) -> int:
    """Where the next line begins; `at` itself when it begins one."""
    if at > 0 and text[at - 1] == "\n":
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _block(node: yaml.Node, column: int) -> str:
    return "".join(f"{' ' * column}{line}\n" for line in _serialized(node).splitlines())


def _flow(node: yaml.Node) -> str:
    """The node on one line, in braces."""
    if isinstance(node, yaml.MappingNode):
        pairs = (f"{_serialized_scalar(key)}: {_flow(value)}" for key, value in node.value)
        return f"{{{', '.join(pairs)}}}"
    return _serialized_scalar(node)


def _serialized_scalar(node: yaml.Node) -> str:
    return _serialized(yaml.ScalarNode(_TEXT, node.value, style='"')).removesuffix("\n")


def _serialized(node: yaml.Node) -> str:
    found = yaml.serialize(
        node,
        Dumper=yaml.SafeDumper,
        allow_unicode=True,
        width=math.inf,
        indent=_INDENT,
    )
    return str(found)


def _means(text: str, wanted: Any) -> bool:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        return root is not None and bool(_plain(root, set()) == wanted)
    except (yaml.YAMLError, ValueError, InvalidRequestError):
        return False


def _plain(node: yaml.Node, seen: set[int]) -> Any:
    """What a node says, without where and how it is written."""
    if id(node) in seen:
        # What is changed at one place would change at the others.
        raise InvalidRequestError("the definition of the environment uses a YAML alias, which is not supported")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        return node.tag, [(_plain(key, seen), _plain(value, seen)) for key, value in node.value]
    if isinstance(node, yaml.SequenceNode):
        return node.tag, [_plain(item, seen) for item in node.value]
    return node.tag, node.value
