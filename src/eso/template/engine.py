"""The template engine: source and data to text.

Templates are compiled once and kept; rendering has no access to files, network or environment, and is bounded by `Limits`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eso.template.errors import TemplateError, TemplateLimitError, without_values
from eso.template.gotext.builtins import BUILTINS
from eso.template.gotext.function import AuthoredFailure, Function
from eso.template.gotext.lexer import Token, tokenize
from eso.template.gotext.parser import parse
from eso.template.gotext.state import ExecError, LimitReached, MissingKey, Program, State
from eso.template.gotext.statements import compile_trees
from eso.template.gotext.tokenstream import ParseError
from eso.template.gotext.values import MISSING, MapOfStringMaps, StringMap, Value, from_bytes, normalized, to_bytes
from eso.template.limits import DEFAULT_LIMITS, Budget, Limits

__all__ = ["Delims", "MissingKey", "Template", "compile_source", "compile_template", "render", "root_of"]

Delims = tuple[str, str]
"""Left and right delimiter; empty means `{{` and `}}`."""

_CACHED_TEMPLATES: Final = 1024
_LARGEST_CACHED: Final = 64 << 10
"""Longer sources (characters) are compiled for each use."""

_SHALLOW: Final = 20
"""Parentheses and control structures inside each other that fit the stack any caller leaves."""

_FRAMES_TO_COMPILE: Final = 120_000
_FRAMES_TO_RUN: Final = 15_000
"""Frames of the interpreter for templates that nest deeply or call each other.

Frames of Python functions live on the heap, so compiling can have many. Functions of templates reach C code that recurses
(JSON, comparison); 8 MiB of C stack hold more than twice as many of its frames as this.
"""

_LONGEST_CONTEXT: Final = 500
"""Characters of the failing node that a message quotes."""


class _Table:
    """A function table as the key of a cache: equal when it is the same mapping."""

    __slots__ = ("functions",)

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self.functions = functions

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Table) and other.functions is self.functions

    def __hash__(self) -> int:
        return id(self.functions)


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """A compiled template.

    Attributes:
        name: of the main template; messages call it the key.
        source: its text.
        programs: the main template and those it defines.
        deep: it may need more of the interpreter's stack than a caller leaves.
    """

    name: str
    source: str
    programs: Mapping[str, Program]
    deep: bool

    def run(self, data: Value, missing: MissingKey, budget: Budget) -> str:
        """Execute with `data` as the dot; None is no data at all.

        Raises:
            TemplateError: the template failed.
        """
        main = self.programs[self.name]
        data = MISSING if data is None else data
        state = State(self.name, self.programs, budget, missing, main.root, data)
        try:
            if self.deep:
                with _deep_stack(_FRAMES_TO_RUN):
                    main.body(state, data)
            else:
                main.body(state, data)
        except ExecError as error:
            raise self._failure(error, data) from None
        except RecursionError:
            raise TemplateLimitError("exec", self._at(1, 0) + "nested too deeply", self.name, 1) from None
        return normalized("".join(state.out))

    def _at(self, line: int, column: int) -> str:
        return f"template: {self.name}:{line}:{column}: "

    def _context(self, error: ExecError) -> str:
        with _deep_stack(_FRAMES_TO_COMPILE) if self.deep else nullcontext():
            context = error.node.source()
        return context if len(context) <= _LONGEST_CONTEXT else context[:_LONGEST_CONTEXT] + "..."

    def _failure(self, error: ExecError, data: Value) -> TemplateError:
        before = self.source[: error.node.pos]
        line = before.count("\n") + 1
        column = len(to_bytes(before[before.rfind("\n") + 1 :]))
        place = "limit: "
        if not isinstance(error, LimitReached):
            place = f'executing "{error.template}" at <{self._context(error)}>: '
        message = without_values(self._at(line, column) + place + self._detail(error), _values_of(data))
        kind = TemplateLimitError if isinstance(error, LimitReached) else TemplateError
        return kind("exec", message, self.name, line, column)

    def _detail(self, error: ExecError) -> str:
        """What failed; of the author's own message only what stands in the template, as the rest can be part of a value."""
        said = error.__cause__
        if isinstance(said, AuthoredFailure) and str(said) not in self.source:
            return "error calling fail: the message is computed and not shown, as it may hold values"
        return error.detail


def _values_of(data: Value) -> Iterable[str]:
    """Every text in the data; the webhook's secrets are maps in a map."""
    if isinstance(data, StringMap):
        return data.values()
    if isinstance(data, MapOfStringMaps):
        return [value for inner in data.values() for value in inner.values()]
    return ()


@contextmanager
def _deep_stack(frames: int) -> Iterator[None]:
    """Let Python functions call each other more deeply; the templates' own limits are reached first."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, frames))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _nests_deeply(tokens: list[Token]) -> bool:
    """Whether parsing or running needs a deep stack."""
    depth = deepest = 0
    for token in tokens:
        if token.kind in ("(", "if", "with", "range", "define", "block"):
            depth += 1
            deepest = max(deepest, depth)
        elif token.kind in (")", "end"):
            depth -= 1
        elif token.kind == "template":
            return True
    return deepest > _SHALLOW


def compile_source(source: str, *, name: str, functions: Mapping[str, Function], delims: Delims = ("", "")) -> Template:
    """Parse and compile anew.

    Raises:
        TemplateError: the source is malformed.
    """
    return _compile(source, name, delims, _Table(functions))


def _compile(source: str, name: str, delims: Delims, table: _Table) -> Template:
    functions = _with_builtins(table)
    tokens = tokenize(source, *delims)
    deep = _nests_deeply(tokens)
    try:
        with _deep_stack(_FRAMES_TO_COMPILE) if deep else nullcontext():
            programs = compile_trees(parse(name, tokens, functions), functions)
        return Template(name, source, programs, deep)
    except ParseError as error:
        raise TemplateError("parse", f"template: {name}:{error.line}: {error.detail}", name, error.line) from None
    except RecursionError:
        raise TemplateLimitError("parse", f"template: {name}:1: nested too deeply", name, 1) from None


_compile_cached = lru_cache(maxsize=_CACHED_TEMPLATES)(_compile)


@lru_cache(maxsize=8)
def _with_builtins(table: _Table) -> Mapping[str, Function]:
    return {**BUILTINS, **table.functions}


def compile_template(
    source: str, *, name: str, functions: Mapping[str, Function], delims: Delims = ("", "")
) -> Template:
    """Parse and compile, or take the result of the last time.

    Args:
        source: the text.
        name: of the main template, for messages and for a `define` that means the main template.
        functions: besides Go's own; the mapping must not change afterwards.
        delims: left and right delimiter.

    Raises:
        TemplateError: the source is malformed.
    """
    compiled = _compile_cached if len(source) <= _LARGEST_CACHED else _compile
    return compiled(source, name, delims, _Table(functions))


def root_of(data: Mapping[str, bytes]) -> StringMap:
    """Keys and their bytes as the root of a template; bytes that are not UTF-8 pass through unchanged."""
    return StringMap({key: from_bytes(value) for key, value in data.items()})


def render(
    source: str,
    data: Value,
    *,
    name: str,
    functions: Mapping[str, Function],
    delims: Delims = ("", ""),
    missing_key: MissingKey = MissingKey.ERROR,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """The text that a template gives for some data.

    Args:
        source: the template.
        data: its dot; see `root_of`.
        name: of the template, for messages.
        functions: besides Go's own; the mapping must not change afterwards.
        delims: left and right delimiter.
        missing_key: what an absent key of a map gives.
        limits: of this render.

    Raises:
        TemplateError: parsing or executing failed; `stage` says which.
        TemplateLimitError: a limit was hit.
    """
    try:
        template = compile_template(source, name=name, functions=functions, delims=delims)
    except TemplateError as error:
        # The source of a manifest's second rendering is what the first one gave: its text may be a value.
        raise error.without(_values_of(data)) from None
    return template.run(data, missing_key, Budget(limits))
