"""Is the command instant where it can be, and does it fail in one sentence?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdam import __version__, pipeline
from graphdam.cli.main import run
from graphdam.errors import SettingsError
from graphdam.report import HistoryLine
from graphdam.training import Settings

Graphdam = Callable[..., Any]


def python(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        env={**environment, "PYTHONIOENCODING": "utf-8", **variables},
    )


def test_help_is_instant_and_needs_no_torch() -> None:
    def seconds() -> float:
        before = os.times()
        assert python("-m", "graphdam", "--help").returncode == 0
        after = os.times()
        return (
            after.children_user
            - before.children_user
            + after.children_system
            - before.children_system
        )

    assert min(seconds() for _ in range(3)) < 0.5
    code = (
        "import sys; from graphdam.cli.main import run; code = run(['train', '--help']);"
        "heavy = {'torch', 'torch_geometric', 'numpy', 'matplotlib', 'sklearn'} & set(sys.modules);"
        "sys.exit(code or ', '.join(heavy) or 0)"
    )
    result = python("-c", code)
    assert (result.returncode, result.stderr) == (0, "")


def test_help_lists_the_commands(graphdam: Graphdam) -> None:
    result = graphdam("--help")
    assert result.code == 0
    for command in ("train", "evaluate", "embed", "export", "info", "bench", "report"):
        assert command in result.out


@pytest.mark.parametrize(
    "command", ["train", "evaluate", "embed", "export", "info", "bench", "report"]
)
def test_every_command_has_help(graphdam: Graphdam, command: str) -> None:
    assert graphdam(command, "--help").code == graphdam(command, "-h").code == 0


def test_version(graphdam: Graphdam) -> None:
    assert graphdam("--version").out == f"graphdam {__version__}\n"


def test_python_dash_m_is_the_same_command() -> None:
    result = python("-m", "graphdam", "--version")
    assert (result.returncode, result.stdout) == (0, f"graphdam {__version__}\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["train", "--no-such-option"],
        ["train", "--epochs", "many"],
        ["train", "--seeds", "0"],
        ["train", "--seed", "-1"],
        ["evaluate"],
        ["info", "one", "two"],
    ],
)
def test_wrong_usage_exits_with_2(graphdam: Graphdam, arguments: list[str]) -> None:
    result = graphdam(*arguments)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("Error: ")
    assert result.err.endswith("graphdam --help lists commands and options.\n")


def test_no_command_shows_help_and_is_no_error_message(graphdam: Graphdam) -> None:
    result = graphdam()
    assert "Error" not in result.err
    assert "Usage: graphdam" in result.out + result.err


def test_debug_shows_the_traceback_and_its_absence_does_not() -> None:
    arguments = ["-m", "graphdam", "train", "--dataset", "a", "--graph", "b"]
    shown, hidden = python(*arguments, "--debug"), python(*arguments)
    assert shown.returncode == hidden.returncode == 1
    assert "Traceback" in shown.stderr
    assert "SettingsError: Both --dataset a and --graph b were given" in shown.stderr
    assert "Traceback" not in hidden.stderr
    assert hidden.stderr.startswith("Error: Both --dataset a and --graph b were given")


def test_debug_raises_in_process() -> None:
    with pytest.raises(SettingsError):
        run(["train", "--dataset", "a", "--graph", "b", "--debug"])


def test_colour_is_used_only_where_it_may(
    graphdam: Graphdam, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("train", "--dataset", "a", "--graph", "b")
    assert "\x1b[" not in graphdam(*arguments).err
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "31m" in graphdam(*arguments).err
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in graphdam(*arguments).err


def failing(error: BaseException) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            OSError(28, "No space left on device"),
            "The system refused: [Errno 28] No space left on device. What was saved before is "
            "whole: mend the cause and run the same command again (graphdam train with --resume).",
        ),
        (
            RuntimeError("out of luck"),
            "Unexpected RuntimeError: out of luck. This is a bug of graphdam; --debug shows where "
            "it happened.",
        ),
        (
            SettingsError("the file [data] is [bold]not[/bold] there."),
            "the file [data] is [bold]not[/bold] there.",
        ),
    ],
)
def test_any_failure_is_one_sentence(
    graphdam: Graphdam, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    monkeypatch.setattr(pipeline, "run", failing(error))
    result = graphdam("train", "--dataset", "karate", "--out", "run", "-q")
    assert (result.code, result.out, result.sentence) == (1, "", sentence)


def test_an_interruption_exits_with_130_and_says_how_to_go_on(
    graphdam: Graphdam, quick: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from graphdam.cli.progress import TrainingProgress

    def stop(self: TrainingProgress, line: HistoryLine) -> None:
        if line.epoch == 3:
            raise KeyboardInterrupt

    command = ("train", "--dataset", "karate", "--out", "run", "--quiet", *quick)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingProgress, "_on_epoch", stop)
        result = graphdam(*command)
    assert result.code == 130
    assert "Interrupted: the same command with --resume continues a run." in result.err
    assert not (tmp_path / "run" / "result.json").exists()
    assert graphdam(*command, "--resume").code == 0
    assert (tmp_path / "run" / "result.json").exists()


def test_settings_lists_every_setting_with_its_value(graphdam: Graphdam) -> None:
    result = graphdam("settings", "--json", "--recipe", "paper")
    listed = json.loads(result.out)
    assert listed.keys() == Settings.model_fields.keys()
    assert {name: each["value"] for name, each in listed.items()} == Settings.of(
        "paper"
    ).model_dump(mode="json")
    assert all(each["meaning"] for each in listed.values())
    assert "Unknown recipe 'papers'" in graphdam("settings", "--recipe", "papers").sentence
