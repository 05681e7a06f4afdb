"""Templates that rename keys: `rewrite[].transform` of ExternalSecrets and PushSecrets."""

from __future__ import annotations

from collections.abc import Callable

from eso.template.engine import MissingKey, compile_template, render, root_of
from eso.template.functions import FUNCTIONS

__all__ = ["key_template"]


def key_template(source: str) -> Callable[[str], str]:
    """A function from a key to its new name.

    The template sees the key as `.value`; an absent field prints `<no value>`, and the delimiters are always `{{` and `}}`.

    Raises:
        TemplateError: the template is malformed; the returned function raises it when the template fails for a key.
    """
    compile_template(source, name="transform", functions=FUNCTIONS)

    def rename(key: str) -> str:
        root = root_of({"value": key.encode("utf-8", "surrogateescape")})
        return render(source, root, name="transform", functions=FUNCTIONS, missing_key=MissingKey.DEFAULT)

    return rename
