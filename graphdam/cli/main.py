"""The command `graphdam`. Commands import what they need when they run: `--help` is instant."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from rich.console import Console

from graphdam._version import __version__
from graphdam.cli import bench, export, inspect_run, predict, report, settings, train
from graphdam.errors import GraphDamError

# Newer versions of typer bring their own copy of click: its base class is named by what they share.
WrongUsage: Any = typer.BadParameter.__bases__[0]

INTERRUPTED = 130
"""The exit code that shells give to a program ended by Ctrl-C."""

app = typer.Typer(
    name="graphdam",
    help="Learns how wide a graph neural network has to be, and hands back the smaller network.",
    epilog="Begin with: graphdam train",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # which joins the lines of a paragraph
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train")(train.train)
app.command("evaluate")(inspect_run.evaluate)
app.command("embed")(inspect_run.embed)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("info")(inspect_run.info)
app.command("bench")(bench.bench)
app.command("report")(report.report)
app.command("settings")(settings.settings)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"graphdam {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; every failure is one sentence on stderr and a non-zero exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code: 0, 1 for a failure, 2 for wrong usage."""
    debug = "--debug" in arguments
    try:
        code = int(app(arguments, prog_name="graphdam", standalone_mode=False) or 0)
        if code == INTERRUPTED:  # some versions of typer turn Ctrl-C into this code
            raise KeyboardInterrupt
        return code
    except WrongUsage as error:
        if error.format_message():  # without arguments the help is all there is to say
            _complain(error.format_message(), hint="graphdam --help lists commands and options.")
        return 2
    except (KeyboardInterrupt, typer.Abort):
        how = "goes on" if arguments[:1] == ["bench"] else "with --resume continues a run"
        _complain(f"Interrupted: the same command {how}.")
        return INTERRUPTED
    except GraphDamError as error:
        if debug:
            raise
        _complain(str(error))
        return 1
    except BrokenPipeError:
        # The reader of a pipe has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        _complain(
            f"The system refused: {error}. What was saved before is whole: mend the cause and run "
            f"the same command again (graphdam train with --resume)."
        )
        return 1
    except Exception as error:
        if debug:
            raise
        _complain(
            f"Unexpected {type(error).__name__}: {error}. This is a bug of graphdam; --debug shows "
            f"where it happened."
        )
        return 1


def _complain(sentence: str, *, hint: str = "") -> None:
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print("[bold red]Error:[/] ", end="")
    console.print(sentence, markup=False)
    if hint:
        console.print(hint, style="dim", markup=False)
