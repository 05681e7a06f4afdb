"""A chain of certificates, their keys, and PKCS#12 files of them that Go wrote.

`root` (RSA) signed `inter` (P-384), which signed `leaf` (P-256); `self` (Ed25519) stands alone. Keys: `rsa1` and `ec1` in the
form of their algorithm, `rsa8`, `ec8`, `ed8` in PKCS#8. PKCS#12 files are in Base64; those ending in `Pw` have the password
`pässword`, `p12_disjunct` has `x`, the others none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from eso.template.functions import FUNCTIONS
from eso.template.limits import Budget

PEM: dict[str, str] = json.loads(
    (Path(__file__).parents[1] / "unit" / "eso" / "template" / "functions" / "certificates.json").read_text()
)


def call(name: str, *args: Any) -> Any:
    """The result of a template function."""
    function = FUNCTIONS[name]
    return function.call(Budget(), *args) if function.needs_budget else function.call(*args)
