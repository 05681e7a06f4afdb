"""What is alive while a template runs, and how running fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from eso.template.gotext import nodes
from eso.template.gotext.values import Value
from eso.template.limits import Budget, LimitError

__all__ = [
    "Body",
    "ExecError",
    "Expression",
    "LimitReached",
    "MissingKey",
    "Program",
    "Signal",
    "State",
    "failure",
    "limit_reached",
]

_UNSET: Final = object()


class MissingKey(Enum):
    """What an absent key of a map gives; Go's option of the same name."""

    DEFAULT = "default"
    """No value; it prints as `<no value>`."""
    ZERO = "zero"
    """The zero value of the map's elements."""
    ERROR = "error"
    """A failure."""


class Signal(Enum):
    """What interrupts the surrounding `range`."""

    BREAK = "break"
    CONTINUE = "continue"


class ExecError(Exception):
    """Running a template failed.

    Attributes:
        template: the template that was executing.
        node: the node evaluated last.
        detail: what happened; it holds no value of the data.
    """

    def __init__(self, template: str, node: nodes.Node, detail: str) -> None:
        super().__init__(detail)
        self.template = template
        self.node = node
        self.detail = detail


class LimitReached(ExecError):
    """Running stopped at a limit."""


class State:
    """One execution of one template; a called template gets a state of its own.

    Attributes:
        out: the pieces of output.
        node: the node evaluated last, for messages.
        variables: the visible value of each variable.
        template: the name of the executing template.
        programs: all templates by name.
        depth: how many templates called each other to get here.
    """

    __slots__ = ("_undo", "budget", "depth", "missing", "node", "out", "programs", "template", "variables")

    def __init__(
        self,
        template: str,
        programs: Mapping[str, Program],
        budget: Budget,
        missing: MissingKey,
        root: nodes.Node,
        data: Value,
    ) -> None:
        self.template = template
        self.programs = programs
        self.budget = budget
        self.missing = missing
        self.node = root
        self.out: list[str] = []
        self.variables: dict[str, Value] = {"$": data}
        self._undo: list[tuple[str, Value]] = []
        self.depth = 0

    def called(self, template: str, root: nodes.Node, data: Value) -> State:
        """The state of a template that this one calls: same output and budget, no variables."""
        state = State(template, self.programs, self.budget, self.missing, root, data)
        state.out = self.out
        state.depth = self.depth + 1
        return state

    def mark(self) -> int:
        """The point to which `pop` goes back."""
        return len(self._undo)

    def push(self, name: str, value: Value) -> None:
        """Declare a variable; it shadows an older one of the same name."""
        self._undo.append((name, self.variables.get(name, _UNSET)))
        self.variables[name] = value

    def pop(self, mark: int) -> None:
        """Forget the variables declared since `mark`."""
        undo = self._undo
        while len(undo) > mark:
            name, value = undo.pop()
            if value is _UNSET:
                del self.variables[name]
            else:
                self.variables[name] = value


def failure(state: State, detail: str) -> ExecError:
    """The error for a failure at the node evaluated last."""
    return ExecError(state.template, state.node, detail)


def limit_reached(state: State, node: nodes.Node, error: LimitError) -> LimitReached:
    """The error for a limit that was hit at a node."""
    return LimitReached(state.template, node, str(error))


Expression = Callable[[State, Value], Value]
"""Evaluates to a value, with a dot."""

Body = Callable[[State, Value], Signal | None]
"""Executes nodes, with a dot; gives what interrupts the surrounding `range`, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A compiled template."""

    root: nodes.ListNode
    body: Body
