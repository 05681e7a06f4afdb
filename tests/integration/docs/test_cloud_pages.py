"""Pages of the great clouds: every YAML is a whole manifest (test_documents applies them), every policy is one that the cloud knows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.loaders import Loader

from tests.integration.docs.test_documents import BLOCK, ROOT, manifests

PAGES = [ROOT / "docs" / "providers" / f"{name}.md" for name in ("aws", "azurekv", "gcpsm")]
JSON = re.compile(r"^```json\n(.*?)^```", re.M | re.S)
PREFIXES = {
    "secretsmanager": "secretsmanager",
    "ssm": "ssm",
    "acm": "acm",
    "tag": "resourcegroupstaggingapi",
    "sts": "sts",
}
"""Prefix of IAM actions -> service of the SDK."""

OPERATION = re.compile(r'"([a-z]+(?:_[a-z]+)+)",?\s')


def policies(path: Path) -> list[Any]:
    return [json.loads(text) for text in JSON.findall(path.read_text())]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_block_is_a_whole_manifest(path: Path) -> None:
    blocks = [found[2] for found in BLOCK.finditer(path.read_text())]
    documents = [document for block in blocks for document in yaml.safe_load_all(block)]
    assert len(documents) == len(manifests(path)) > 2


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_there_is_a_policy_for_reading_and_for_pushing(path: Path) -> None:
    assert len(policies(path)) >= 2


def actions() -> set[str]:
    found: set[str] = set()
    for policy in policies(PAGES[0]):
        for statement in policy["Statement"]:
            given = statement["Action"]
            found |= {given} if isinstance(given, str) else set(given)
    return found


def test_actions_of_aws_exist() -> None:
    loader = Loader()
    for action in actions():
        prefix, _, operation = action.partition(":")
        assert operation in loader.load_service_model(PREFIXES[prefix], "service-2")["operations"], action


def test_policies_of_aws_allow_every_operation_of_the_provider() -> None:
    folder = ROOT / "src" / "eso" / "providers" / "aws"
    text = "".join(path.read_text() for path in folder.glob("*.py"))
    used = {"".join(word.capitalize() for word in name.split("_")) for name in OPERATION.findall(text)}
    known = {
        operation
        for service in PREFIXES.values()
        for operation in Loader().load_service_model(service, "service-2")["operations"]
    }
    allowed = {action.partition(":")[2] for action in actions()}
    assert len(used & known) > 20
    assert used & known <= allowed
