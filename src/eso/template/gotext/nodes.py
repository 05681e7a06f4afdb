"""The syntax tree of a template.

`node.source()` is the normalised source that error messages quote. It is no `__str__`: trees can be thousands of levels deep,
and only calls between Python functions leave the C stack alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from eso.template.gotext.quote import quote

__all__ = [
    "Action",
    "Bool",
    "Branch",
    "Break",
    "Chain",
    "Command",
    "Continue",
    "Dot",
    "Field",
    "Identifier",
    "ListNode",
    "Nil",
    "Node",
    "Number",
    "Pipe",
    "StringNode",
    "TemplateCall",
    "Text",
    "Variable",
]


@dataclass(slots=True, eq=False)
class Node:
    """A node; `pos` is the offset in the source, in characters."""

    pos: int

    def source(self) -> str:
        """The normalised source."""
        return ""


@dataclass(slots=True, eq=False)
class Text(Node):
    """Text outside actions."""

    text: str


@dataclass(slots=True, eq=False)
class Identifier(Node):
    """A function's name."""

    name: str

    def source(self) -> str:
        """The normalised source."""
        return self.name


@dataclass(slots=True, eq=False)
class Variable(Node):
    """`$x`, possibly with fields after it; `ident[0]` includes the dollar sign."""

    ident: list[str]

    def source(self) -> str:
        """The normalised source."""
        return ".".join(self.ident)


@dataclass(slots=True, eq=False)
class Field(Node):
    """`.a.b`."""

    ident: list[str]

    def source(self) -> str:
        """The normalised source."""
        return "." + ".".join(self.ident)


@dataclass(slots=True, eq=False)
class Dot(Node):
    """`.`."""

    def source(self) -> str:
        """The normalised source."""
        return "."


@dataclass(slots=True, eq=False)
class Nil(Node):
    """`nil`."""

    def source(self) -> str:
        """The normalised source."""
        return "nil"


@dataclass(slots=True, eq=False)
class Bool(Node):
    """`true` or `false`."""

    value: bool

    def source(self) -> str:
        """The normalised source."""
        return "true" if self.value else "false"


@dataclass(slots=True, eq=False)
class Number(Node):
    """A number under every type that can hold it; None where it does not fit."""

    text: str
    as_int: int | None = None
    as_uint: int | None = None
    as_float: float | None = None
    as_complex: complex | None = None

    def source(self) -> str:
        """The normalised source."""
        return self.text


@dataclass(slots=True, eq=False)
class StringNode(Node):
    """A string literal, as written and as meant."""

    quoted: str
    value: str

    def source(self) -> str:
        """The normalised source."""
        return self.quoted


@dataclass(slots=True, eq=False)
class Command(Node):
    """An operand and its arguments."""

    args: list[Node] = field(default_factory=list)

    def source(self) -> str:
        """The normalised source."""
        return " ".join([f"({arg.source()})" if isinstance(arg, Pipe) else arg.source() for arg in self.args])


@dataclass(slots=True, eq=False)
class Pipe(Node):
    """Commands joined by `|`, with the variables they declare or assign."""

    decl: list[Variable] = field(default_factory=list)
    is_assign: bool = False
    cmds: list[Command] = field(default_factory=list)

    def source(self) -> str:
        """The normalised source."""
        decl = ", ".join([variable.source() for variable in self.decl])
        if decl:
            decl += " = " if self.is_assign else " := "
        return decl + " | ".join([command.source() for command in self.cmds])


@dataclass(slots=True, eq=False)
class Chain(Node):
    """Fields of a function's result or of a pipeline in parentheses."""

    node: Node
    fields: list[str] = field(default_factory=list)

    def source(self) -> str:
        """The normalised source."""
        head = f"({self.node.source()})" if isinstance(self.node, Pipe) else self.node.source()
        return head + "".join(["." + name for name in self.fields])


@dataclass(slots=True, eq=False)
class ListNode(Node):
    """Nodes one after the other."""

    nodes: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Action(Node):
    """A pipeline whose value is printed."""

    pipe: Pipe

    def source(self) -> str:
        """The normalised source."""
        return f"{{{{{self.pipe.source()}}}}}"


@dataclass(slots=True, eq=False)
class Branch(Node):
    """`if`, `with` or `range`; `keyword` says which."""

    keyword: str
    pipe: Pipe
    body: ListNode
    otherwise: ListNode | None


@dataclass(slots=True, eq=False)
class Break(Node):
    """`{{break}}`."""


@dataclass(slots=True, eq=False)
class Continue(Node):
    """`{{continue}}`."""


@dataclass(slots=True, eq=False)
class TemplateCall(Node):
    """`{{template "name" pipeline}}`."""

    name: str
    pipe: Pipe | None

    def source(self) -> str:
        """The normalised source."""
        pipe = f" {self.pipe.source()}" if self.pipe is not None else ""
        return f"{{{{template {quote(self.name)}{pipe}}}}}"
