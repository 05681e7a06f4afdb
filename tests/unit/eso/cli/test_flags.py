from __future__ import annotations

import argparse

import pytest

from eso.cli.about import CERTCONTROLLER
from eso.cli.controller import parse as parse_flags
from eso.cli.flags import add_settings, read_settings
from eso.settings import CertControllerSettings, ControllerSettings


def parse(*arguments: str) -> ControllerSettings:
    return parse_flags(arguments)


def test_no_flags_give_the_defaults() -> None:
    assert parse() == ControllerSettings()


@pytest.mark.parametrize(
    ("flag", "field", "value"),
    [
        ("--concurrent=4", "concurrent", 4),
        ("--enable-leader-election", "enable_leader_election", True),
        ("--enable-flood-gate=false", "enable_flood_gate", False),
        ("--enable-flood-gate=F", "enable_flood_gate", False),
        ("--store-requeue-interval=1m30s", "store_requeue_interval", 90.0),
        ("--loglevel=debug", "loglevel", "debug"),
        ("--client-qps=50", "client_qps", 50.0),
        ("--template-left-delimiter=<<", "template_left_delimiter", "<<"),
    ],
)
def test_flag(flag: str, field: str, value: object) -> None:
    assert getattr(parse(flag), field) == value


def test_a_boolean_does_not_swallow_the_next_flag() -> None:
    settings = parse("--enable-leader-election", "--concurrent", "2")
    assert (settings.enable_leader_election, settings.concurrent) == (True, 2)


def test_metrics_flags_are_part_of_it() -> None:
    assert parse("--metrics-addr=:9090", "--metrics-secure").metrics.metrics_addr == ":9090"


@pytest.mark.parametrize(
    "flag", ["--store-requeue-interval=10", "--enable-flood-gate=maybe", "--concurrent=x", "--no-such"]
)
def test_bad_flags_end_the_program(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parse(flag)
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert flag.partition("=")[0].lstrip("-") in said.replace("_", "-")
    assert said.count("\n") == 1, "the flag that is wrong, not a page of those that exist"


def test_name_lists_repeat_and_split() -> None:
    parser = argparse.ArgumentParser()
    add_settings(parser, CertControllerSettings(), CERTCONTROLLER, durations=("crd_requeue_interval",))
    settings = read_settings(CertControllerSettings, parser.parse_args(["--crd-names=a,b", "--crd-names=c"]))
    assert settings.crd_names == ("a", "b", "c")
