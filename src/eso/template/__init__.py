"""The template engine of `target.template`: Go templates, sprig and the operator's functions, without I/O.

`render` turns one template into text, `execute` writes several into an object, `compile_template` checks early.
"""

from __future__ import annotations

from eso.template.apply import execute
from eso.template.engine import Delims, MissingKey, Template, compile_template, render, root_of
from eso.template.errors import TemplateError, TemplateLimitError
from eso.template.functions import FUNCTIONS
from eso.template.limits import DEFAULT_LIMITS, Limits

__all__ = [
    "DEFAULT_LIMITS",
    "FUNCTIONS",
    "Delims",
    "Limits",
    "MissingKey",
    "Template",
    "TemplateError",
    "TemplateLimitError",
    "compile_template",
    "execute",
    "render",
    "root_of",
]
