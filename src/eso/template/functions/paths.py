"""Slash-separated paths, as Go's `path` package treats them."""

from __future__ import annotations

from typing import Final

from eso.template.gotext.function import Function, Param

__all__ = ["TABLE"]


def clean(path: str) -> str:
    """The shortest equal path: no empty, `.` or removable `..` parts; `.` for nothing."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            parts.append(part)
        elif parts and parts[-1] != "..":
            parts.pop()
        elif not rooted:
            parts.append(part)
    joined = "/".join(parts)
    return "/" + joined if rooted else joined or "."


def base(path: str) -> str:
    """The last part; `.` of nothing, `/` of only slashes."""
    if not path:
        return "."
    stripped = path.rstrip("/")
    return stripped.rpartition("/")[2] if stripped else "/"


def directory(path: str) -> str:
    """All but the last part, cleaned."""
    return clean(path[: path.rfind("/") + 1])


def extension(path: str) -> str:
    """From the last dot of the last part on."""
    last = path.rpartition("/")[2]
    dot = last.rfind(".")
    return last[dot:] if dot >= 0 else ""


def is_absolute(path: str) -> bool:
    """Whether it starts at the root."""
    return path.startswith("/")


_S: Final = (Param.STRING,)

TABLE: Final = (
    Function("base", base, _S),
    Function("dir", directory, _S),
    Function("clean", clean, _S),
    Function("ext", extension, _S),
    Function("isAbs", is_absolute, _S),
    Function("osBase", base, _S),
    Function("osDir", directory, _S),
    Function("osClean", clean, _S),
    Function("osExt", extension, _S),
    Function("osIsAbs", is_absolute, _S),
)
