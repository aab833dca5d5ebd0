"""What a command says and where: results on stdout, progress and errors on stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error, not only its sentence.")
]
DataRoot = Annotated[
    str | None,
    typer.Option(help="Folder of named data sets in PyG's layout (planetoid/Cora/raw/ …)."),
]


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
