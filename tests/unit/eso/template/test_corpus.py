"""What the Go engine of ESO did with the templates of the corpus, byte for byte.

The corpus lies beside the project, not in it.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from eso.template import FUNCTIONS, MissingKey, TemplateError, execute, render
from eso.template.gotext.values import StringMap, from_bytes
from reconcile.api.core_v1 import ConfigMap, Secret

CORPUS = Path(__file__).parents[5] / "shared" / "corpus"
TYPED = {"Secret": Secret, "ConfigMap": ConfigMap}
NAMES = {"eso": "tpl", "plain": "tpl", "eso-transform": "transform"}


def cases(name: str) -> list[dict[str, Any]]:
    path = CORPUS / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else [{"id": "absent"}]


EXAMPLES = cases("template-examples.jsonl")
APPLIED = cases("template-apply-examples.jsonl")


pytestmark = pytest.mark.skipif(not CORPUS.exists(), reason="no ../shared/corpus beside the project")


def missing_key(case: dict[str, Any]) -> MissingKey:
    options = dict(option.split("=") for option in case.get("options") or [])
    wanted = options.get("missingkey", "error" if case["engine"] == "eso" else "default")
    return MissingKey.DEFAULT if wanted == "invalid" else MissingKey(wanted)


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case["id"])
def test_example(case: dict[str, Any]) -> None:
    expect = case["expect"]
    plain = case["engine"] == "plain"
    binary = {key: from_bytes(base64.b64decode(value)) for key, value in (case.get("data_b64") or {}).items()}
    data = case.get("data") if plain else StringMap({**(case.get("data") or {}), **binary})
    options: dict[str, Any] = {
        "name": NAMES[case["engine"]],
        "functions": {} if plain else FUNCTIONS,
        "missing_key": missing_key(case),
    }
    if case.get("delims"):
        options["delims"] = tuple(case["delims"])
    if expect.get("error"):
        with pytest.raises(TemplateError) as caught:
            render(case["template"], data, **options)
        assert caught.value.stage == expect["stage"]
        return
    output = render(case["template"], data, **options).encode("utf-8", "surrogateescape")
    assert output == (base64.b64decode(expect["output_b64"]) if "output_b64" in expect else expect["output"].encode())


@pytest.mark.parametrize("case", APPLIED, ids=lambda case: case["id"])
def test_applied(case: dict[str, Any]) -> None:
    wire, expect = case["object"], case["expect"]
    kind = TYPED.get(wire["kind"])
    obj: Any = wire if kind is None else kind.from_wire(wire)
    data = {key: value.encode() for key, value in case["data"].items()}
    options = {"scope": case["scope"], "target": case["target"], "decoding": case["decoding"]}
    if expect.get("error"):
        with pytest.raises(TemplateError) as caught:
            execute(case["templates"], data, obj=obj, **options)
        assert caught.value.stage == expect["stage"]
        return
    result = execute(case["templates"], data, obj=obj, **options)
    assert (result if kind is None else result.to_wire()) == expect["object"]
