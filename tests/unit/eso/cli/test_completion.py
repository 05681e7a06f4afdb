from __future__ import annotations

import importlib

import pytest

from eso.__main__ import main
from eso.cli.commands import COMMANDS


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_a_shell_learns_commands_and_flags(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    for expected in ("certcontroller", "enable-flood-gate", "show-values", "powershell"):
        assert expected in script


def test_another_shell(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["completion", "cmd"])
    assert "powershell" in capsys.readouterr().err


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_the_flags_of_its_name(name: str) -> None:
    assert importlib.import_module(COMMANDS[name][0]).parser().prog == f"eso {name}"


def test_a_command_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frob"]) == 1
    assert 'unknown command "frob"' in capsys.readouterr().err
