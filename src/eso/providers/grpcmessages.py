"""Messages of gRPC services, made from the part of a vendor's definition that is used here.

A vendor's SDK brings thousands of generated modules, and clients that log what they send; a definition of the few messages that
travel needs neither. It is written in the language of `.proto` files, so that it can be compared with the vendor's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

__all__ = ["MessageType", "message_types"]

MessageType = Any
"""A class of messages; its attributes are known at run time only."""

_WORD: Final = re.compile(r"\s*(?:([\w.]+|[{}=;<>,])|$)")
_SCALARS: Final[Mapping[str, int]] = {
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "string": FieldDescriptorProto.TYPE_STRING,
}


def message_types(package: str, definition: str) -> Mapping[str, MessageType]:
    """The classes of the messages of a definition, by their names.

    Fields that the vendor sends and the definition leaves out are skipped when a message is read. The classes are not known to
    the process-wide pool, so that they do not clash with those of an SDK.

    Args:
        package: of the messages.
        definition: messages without nested ones; fields are scalars, other messages, repeated, maps, or members of a oneof.

    Raises:
        ValueError: the definition is not one.
    """
    file = FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    words = _words(definition)
    for word in words:
        _expect(word, "message")
        _read_message(words, package, file.message_type.add(name=next(words)))
    pool = DescriptorPool()
    pool.Add(file)
    return {
        message.name: GetMessageClass(pool.FindMessageTypeByName(f"{package}.{message.name}"))
        for message in file.message_type
    }


def _words(definition: str) -> Iterator[str]:
    at = 0
    while at < len(definition):
        found = _WORD.match(definition, at)
        if found is None:
            raise ValueError(f"the definition cannot be read from {definition[at : at + 20]!r}")
        at = found.end()
        if found[1] is None:
            return
        yield found[1]


def _expect(word: str, wanted: str) -> None:
    if word != wanted:
        raise ValueError(f"the definition has {word!r} where {wanted!r} was expected")


def _read_message(words: Iterator[str], package: str, message: DescriptorProto) -> None:
    _expect(next(words), "{")
    for word in words:
        if word == "}":
            return
        if word != "oneof":
            _read_field(word, words, package, message)
            continue
        choice = len(message.oneof_decl)
        message.oneof_decl.add(name=next(words))
        _expect(next(words), "{")
        for member in words:
            if member == "}":
                break
            _read_field(member, words, package, message).oneof_index = choice
    raise ValueError(f"the definition of {message.name} does not end")


def _read_field(word: str, words: Iterator[str], package: str, message: DescriptorProto) -> FieldDescriptorProto:
    field = message.field.add(label=FieldDescriptorProto.LABEL_OPTIONAL)
    if word in ("map", "repeated"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
    entry = _read_entry(words, package, message) if word == "map" else None
    kind = next(words) if word == "repeated" else word
    field.name = next(words)
    if entry is not None:
        entry.name = f"{field.name.title().replace('_', '')}Entry"
        kind = f"{message.name}.{entry.name}"
    _set_type(field, kind, package)
    _expect(next(words), "=")
    field.number = int(next(words))
    _expect(next(words), ";")
    return field


def _read_entry(words: Iterator[str], package: str, message: DescriptorProto) -> DescriptorProto:
    """The message that stands for an entry of a map; its name follows from that of the field."""
    entry = message.nested_type.add()
    entry.options.map_entry = True
    for mark, number, name in (("<", 1, "key"), (",", 2, "value")):
        _expect(next(words), mark)
        part = entry.field.add(name=name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
        _set_type(part, next(words), package)
    _expect(next(words), ">")
    return entry


def _set_type(field: FieldDescriptorProto, kind: str, package: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
