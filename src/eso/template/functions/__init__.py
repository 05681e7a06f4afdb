"""The functions of templates: sprig's and the operator's own.

`FUNCTIONS` is cheap to import; what needs a large library is loaded when it is first called.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from eso.template.functions import (
    cases,
    dates,
    decimals,
    dicts,
    encoding,
    flow,
    jsongo,
    lists,
    numeric,
    paths,
    randomness,
    reflection,
    regex,
    semver,
    signatures,
    strings,
    textlayout,
    textlists,
    urls,
    yamlgo,
)
from eso.template.gotext.function import Function

__all__ = ["FUNCTIONS"]

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {
        function.name: function
        for module in (
            strings,
            textlayout,
            textlists,
            textlayout,
            textlists,
            urls,
            cases,
            dates,
            lists,
            dicts,
            numeric,
            decimals,
            flow,
            reflection,
            encoding,
            jsongo,
            yamlgo,
            regex,
            semver,
            signatures,
            paths,
            randomness,
        )
        for function in module.TABLE
    }
)
"""Every function by name, but for the ones that belong to the language itself."""
