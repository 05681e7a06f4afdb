"""Functions of modules that are loaded when one of them is first called."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

__all__ = ["Deferred"]


class Deferred:
    """A function by the names of its module and itself."""

    __slots__ = ("_call", "_module", "_name")

    def __init__(self, module: str, name: str) -> None:
        self._module = module
        self._name = name
        self._call: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        """Call the function, loading its module if need be."""
        if self._call is None:
            self._call = getattr(import_module(self._module), self._name)
        return self._call(*args)
