"""What a command says and where: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from graphdam.errors import SettingsError

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error, not only its sentence.")
]
DataRoot = Annotated[
    Path | None,
    typer.Option(help="Folder of named data sets in PyG's layout (planetoid/Cora/raw/ …)."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")]


def require_free(*files: Path, overwrite: bool) -> None:
    """Refuse to write over a file, unless that is asked for.

    Raises:
        SettingsError: the first of them that is there.
    """
    taken = [] if overwrite else [file for file in files if file.exists()]
    if taken:
        raise SettingsError(
            f"{taken[0]} exists: --overwrite replaces it, or choose another file with --out."
        )


@dataclass(frozen=True)
class Output:
    """The two streams of a command, under its options."""

    json: bool = False
    quiet: bool = False

    @property
    def results(self) -> Console:
        return Console(quiet=self.json, soft_wrap=False)

    @property
    def progress(self) -> Console:
        return Console(stderr=True, quiet=self.quiet)

    def text(self, line: str, *, style: str | None = None) -> None:
        """A line of results as it is: no markup, and never folded inside a path."""
        self.results.print(line, style=style, markup=False, highlight=False, soft_wrap=True)

    def document(self, content: Any) -> None:
        """Print the one JSON document of `--json`."""
        if self.json:
            sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
