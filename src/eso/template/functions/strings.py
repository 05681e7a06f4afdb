"""Functions on text. Go strings are byte sequences: lengths, cuts and columns count bytes."""

from __future__ import annotations

import hashlib
import zlib
from typing import Final

from eso.template.functions.bytewise import cut
from eso.template.functions.runes import (
    SPACE,
    is_letter,
    is_lower,
    is_space,
    is_title,
    is_upper,
    runes,
    to_lower,
    to_title,
    to_upper,
)
from eso.template.gotext.function import Function, FunctionError, Param
from eso.template.gotext.quote import quote as quoted
from eso.template.gotext.values import (
    Value,
    byte_length,
    from_bytes,
    normalized,
    to_bytes,
    to_text,
)
from eso.template.limits import Budget

__all__ = ["TABLE"]


def trim(text: str) -> str:
    """Without white space at both ends."""
    return text.strip(SPACE)


def trim_all(cutset: str, text: str) -> str:
    """Without the characters of `cutset` at both ends."""
    if cutset.isascii() and text.isascii():
        return text.strip(cutset) if cutset else text
    shown, characters = runes(text), set(runes(cutset))
    start, end = 0, len(text)
    while start < end and shown[start] in characters:
        start += 1
    while end > start and shown[end - 1] in characters:
        end -= 1
    return text[start:end]


def has_prefix(prefix: str, text: str) -> bool:
    """Whether the text begins with `prefix`."""
    return text.startswith(prefix) if prefix.isascii() else to_bytes(text).startswith(to_bytes(prefix))


def has_suffix(suffix: str, text: str) -> bool:
    """Whether the text ends with `suffix`."""
    return text.endswith(suffix) if suffix.isascii() else to_bytes(text).endswith(to_bytes(suffix))


def contains(part: str, text: str) -> bool:
    """Whether `part` occurs in the text."""
    return part in text if part.isascii() else to_bytes(part) in to_bytes(text)


def trim_prefix(prefix: str, text: str) -> str:
    """Without `prefix`, once."""
    return cut(text, byte_length(prefix)) if has_prefix(prefix, text) else text


def trim_suffix(suffix: str, text: str) -> str:
    """Without `suffix`, once."""
    return cut(text, 0, byte_length(text) - byte_length(suffix)) if has_suffix(suffix, text) else text


def upper(text: str) -> str:
    """Every rune in upper case."""
    return text.upper() if text.isascii() else "".join([to_upper(rune) for rune in runes(text)])


def lower(text: str) -> str:
    """Every rune in lower case."""
    return text.lower() if text.isascii() else "".join([to_lower(rune) for rune in runes(text)])


def _separates(rune: str) -> bool:
    if rune.isascii():
        return not (rune.isalnum() or rune == "_")
    return not is_letter(rune) and not rune.isdecimal() and is_space(rune)


def title(text: str) -> str:
    """The first letter of each word in title case; any ASCII punctuation but `_` starts a word."""
    result = []
    before = " "
    for rune in runes(text):
        result.append(to_title(rune) if _separates(before) else rune)
        before = rune
    return "".join(result)


def untitle(text: str) -> str:
    """The first letter of each word in lower case; only white space starts a word."""
    result = []
    starts = True
    for rune in runes(text):
        if is_space(rune):
            starts = True
            result.append(rune)
        else:
            result.append(to_lower(rune) if starts else rune)
            starts = False
    return "".join(result)


def swap_case(text: str) -> str:
    """Upper becomes lower, lower becomes upper, except that the first letter of a word becomes title case."""
    result = []
    starts = True
    for rune in runes(text):
        if is_lower(rune):
            result.append(to_title(rune) if starts else to_upper(rune))
            starts = False
        elif is_upper(rune) or is_title(rune):
            result.append(to_lower(rune))
            starts = False
        else:
            starts = is_space(rune)
            result.append(rune)
    return "".join(result)


def substr(start: int, end: int, text: str) -> str:
    """Bytes `start` to `end`: a negative start means the beginning, a negative or too large end the end.

    Raises:
        FunctionError: the bounds are outside of the text.
    """
    if start < 0:
        return cut(text, 0, end)
    return cut(text, start, None if end < 0 or end > byte_length(text) else end)


def trunc(length: int, text: str) -> str:
    """The first `length` bytes, or the last ones when it is negative."""
    size = byte_length(text)
    if length < 0:
        return cut(text, size + length) if size + length > 0 else text
    return cut(text, 0, length) if size > length else text


def repeat(budget: Budget, count: int, text: str) -> str:
    """The text `count` times.

    Raises:
        FunctionError: the count is negative or the result too long.
    """
    if count < 0:
        raise FunctionError("strings: negative Repeat count")
    budget.spend(count * len(text))
    return normalized(text * count)


def _latin(text: str) -> str:
    """Each byte as the character with that number, which is what the library behind these functions does."""
    return to_bytes(text).decode("latin-1")


def no_space(text: str) -> str:
    """Without white space; text outside of ASCII is mangled byte by byte when anything is removed."""
    characters = _latin(text)
    kept = "".join([character for character in characters if character not in SPACE])
    return text if len(kept) == len(characters) else kept


def initials(text: str) -> str:
    """The first byte of each word."""
    result = []
    gap = True
    for character in _latin(text):
        if character in SPACE:
            gap = True
        elif gap:
            result.append(character)
            gap = False
    return "".join(result)


def quote(*values: Value) -> str:
    """Each value as text in double quotes with Go's escapes; nil is skipped."""
    return " ".join([quoted(to_text(value)) for value in values if value is not None])


def squote(*values: Value) -> str:
    """Each value as text in single quotes, nothing escaped; nil is skipped."""
    return " ".join([f"'{to_text(value)}'" for value in values if value is not None])


def cat(*values: Value) -> str:
    """The values as text with blanks between them; nil is skipped."""
    return normalized(" ".join([to_text(value) for value in values if value is not None]))


def replace(budget: Budget, old: str, new: str, text: str) -> str:
    """Every `old` replaced by `new`; an empty `old` stands between all runes and at both ends."""
    found = text.count(old)
    budget.spend(found * len(new))
    if old.isascii() and (new.isascii() or text.isascii()):
        return text.replace(old, new)
    if not old:
        return normalized(text.replace("", new))
    return from_bytes(to_bytes(text).replace(to_bytes(old), to_bytes(new)))


def plural(one: str, many: str, count: int) -> str:
    """`one` for one, else `many`."""
    return one if count == 1 else many


def sha1sum(text: str) -> str:
    """SHA-1 in hexadecimal."""
    return hashlib.sha1(to_bytes(text), usedforsecurity=False).hexdigest()


def sha256sum(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(to_bytes(text)).hexdigest()


def sha512sum(text: str) -> str:
    """SHA-512 in hexadecimal."""
    return hashlib.sha512(to_bytes(text)).hexdigest()


def adler32sum(text: str) -> str:
    """Adler-32 in decimal."""
    return str(zlib.adler32(to_bytes(text)))


def hello() -> str:
    """A greeting."""
    return "Hello!"


_S: Final = Param.STRING
_I: Final = Param.INT
_A: Final = Param.ANY

TABLE: Final = (
    Function("trim", trim, (_S,)),
    Function("trimAll", trim_all, (_S, _S)),
    Function("trimall", trim_all, (_S, _S)),
    Function("trimPrefix", trim_prefix, (_S, _S)),
    Function("trimSuffix", trim_suffix, (_S, _S)),
    Function("upper", upper, (_S,)),
    Function("lower", lower, (_S,)),
    Function("title", title, (_S,)),
    Function("untitle", untitle, (_S,)),
    Function("swapcase", swap_case, (_S,)),
    Function("substr", substr, (_I, _I, _S)),
    Function("trunc", trunc, (_I, _S)),
    Function("repeat", repeat, (_I, _S), needs_budget=True),
    Function("nospace", no_space, (_S,)),
    Function("initials", initials, (_S,)),
    Function("contains", contains, (_S, _S)),
    Function("hasPrefix", has_prefix, (_S, _S)),
    Function("hasSuffix", has_suffix, (_S, _S)),
    Function("quote", quote, (), _A),
    Function("squote", squote, (), _A),
    Function("cat", cat, (), _A),
    Function("replace", replace, (_S, _S, _S), needs_budget=True),
    Function("plural", plural, (_S, _S, _I)),
    Function("sha1sum", sha1sum, (_S,)),
    Function("sha256sum", sha256sum, (_S,)),
    Function("sha512sum", sha512sum, (_S,)),
    Function("adler32sum", adler32sum, (_S,)),
    Function("toString", to_text, (_A,)),
    Function("hello", hello),
)
