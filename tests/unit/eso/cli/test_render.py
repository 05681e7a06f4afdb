from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from eso.cli.render import main

STORE = """
apiVersion: external-secrets.io/v1
kind: SecretStore
metadata: {name: fake}
spec: {provider: {fake: {data: [{key: db, value: '{"user":"app","password":"canary-7"}'}]}}}
"""

GOOD = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: url}
spec:
  secretStoreRef: {name: fake}
  data:
    - {secretKey: u, remoteRef: {key: db, property: user}}
    - {secretKey: p, remoteRef: {key: db, property: password}}
  target: {template: {data: {url: "pg://{{ .u | upper }}:{{ .p }}@h"}}}
"""

BROKEN = GOOD.replace("name: url", "name: broken").replace("pg://{{ .u | upper }}", "first\\npg://{{ .missing }}")


@pytest.fixture
def files(tmp_path: Path):
    def write(**texts: str) -> list[str]:
        arguments = []
        for name, text in texts.items():
            path = tmp_path / f"{name}.yaml"
            path.write_text(text)
            arguments += [f"--{name}", str(path)]
        return arguments

    return write


def test_values_from_a_store_are_masked(files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files(file=GOOD, store=STORE)) == 0
    out = capsys.readouterr().out
    secret = yaml.safe_load(out)
    assert secret["metadata"]["name"] == "url"
    assert secret["stringData"] == {"url": "<masked, 19 bytes>"}
    assert "canary" not in out


def test_values_are_shown_when_asked_for(files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(file=GOOD, store=STORE), "--show-values"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["stringData"] == {"url": "pg://APP:canary-7@h"}


def test_data_stands_in_for_every_store(files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*files(file=GOOD, data="u: bob\np: 7"), "--show-values"]) == 0
    assert yaml.safe_load(capsys.readouterr().out)["stringData"] == {"url": "pg://BOB:7@h"}


def test_several_documents_are_rendered_and_one_failure_is_pointed_at(
    files, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(files(file=f"{GOOD}---{BROKEN}", store=STORE)) == 1
    streams = capsys.readouterr()
    assert yaml.safe_load(streams.out)["metadata"]["name"] == "url"
    assert "ExternalSecret broken:" in streams.err
    assert "2 | pg://{{ .missing }}" in streams.err
    assert streams.err.splitlines()[-1].endswith("|         ^")
    assert "canary" not in streams.err


def test_a_missing_store_names_it(files, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(files(file=GOOD)) == 1
    assert 'could not get SecretStore "fake"' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "while parsing"),
        ("just text", "no Kubernetes manifest"),
        ("metadata: {name: x}\nkind: Secret", "there is no ExternalSecret"),
    ],
)
def test_unusable_files(files, capsys: pytest.CaptureFixture[str], text: str, message: str) -> None:
    assert main(files(file=text)) == 2
    assert message in capsys.readouterr().err


def test_rules_of_the_webhook_apply(files, capsys: pytest.CaptureFixture[str]) -> None:
    text = GOOD.replace("target: {", "target: {deletionPolicy: Delete, creationPolicy: Merge, ")
    assert main(files(file=text, store=STORE)) == 1
    assert "deletionPolicy=Delete must not be used" in capsys.readouterr().err
