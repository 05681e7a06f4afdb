"""Command-line flags in the style of the Go operator: `--name=value`, booleans with or without a value, Go durations."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

from eso.api.duration import format_duration, parse_duration
from eso.settings import MetricsSettings

__all__ = ["ServerFlags", "add_settings", "read_settings"]

S = TypeVar("S")

_TRUE: Final = ("1", "t", "true")
_FALSE: Final = ("0", "f", "false")


class ServerFlags(argparse.ArgumentParser):
    """The flags of a process that runs for long: a wrong one is one line, and the exit code of every failed start, 1."""

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end the program; the list of flags would hide it."""
        self.exit(1, f"{self.prog}: {message}; `{self.prog} --help` lists the flags\n")


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise argparse.ArgumentTypeError(f'invalid boolean "{text}"; write true or false')


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as err:
        raise argparse.ArgumentTypeError(f'{err}; write a Go duration such as "5m" or "1h30m"') from err


class _Names(argparse.Action):
    """A list flag: comma separated, repeatable; the first use replaces the default."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        seen = getattr(namespace, f"_seen_{self.dest}", ())
        names = (*seen, *(name for name in str(values).split(",") if name))
        setattr(namespace, f"_seen_{self.dest}", names)
        setattr(namespace, self.dest, names)


def add_settings(
    parser: argparse.ArgumentParser,
    settings: Any,
    about: Mapping[str, str],
    *,
    durations: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> None:
    """One flag per field of a settings value, with the field's value as default.

    Args:
        parser: gets the flags.
        settings: an instance of a settings class; a nested `MetricsSettings` gives its flags too.
        about: help text by field name; a field without one is an oversight and raises KeyError.
        durations: names of the float fields that are durations.
        aliases: field name -> another flag for it.
    """
    for field in dataclasses.fields(settings):
        default = getattr(settings, field.name)
        if isinstance(default, MetricsSettings):
            add_settings(parser, default, about)
            continue
        flags = ["--" + field.name.replace("_", "-")]
        if aliases and field.name in aliases:
            flags.append(aliases[field.name])
        text = about[field.name].replace("%", "%%")
        if field.name in durations:
            shown = format_duration(default)
            parser.add_argument(
                *flags, type=_duration, default=default, metavar="DURATION", help=f"{text} (default {shown})"
            )
        elif isinstance(default, bool):
            shown = "true" if default else "false"
            parser.add_argument(
                *flags,
                nargs="?",
                const=True,
                type=_boolean,
                default=default,
                metavar="BOOL",
                help=f"{text} (default {shown})",
            )
        elif isinstance(default, tuple):
            parser.add_argument(
                *flags, action=_Names, default=default, metavar="NAMES", help=f"{text} (default {','.join(default)})"
            )
        else:
            kind = type(default)
            parser.add_argument(
                *flags, type=kind, default=default, metavar=kind.__name__.upper(), help=f"{text} (default {default!r})"
            )


def read_settings(kind: type[S], arguments: argparse.Namespace) -> S:
    """The settings value that the parsed flags describe."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        if field.name == "metrics":
            values["metrics"] = read_settings(MetricsSettings, arguments)
        else:
            values[field.name] = getattr(arguments, field.name)
    return kind(**values)
