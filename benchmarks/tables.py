"""Writes the tables and figures of README.md and benchmarks/README.md from benchmarks/results.

    python benchmarks/tables.py            # writes them anew
    python benchmarks/tables.py --check    # exit code 1 if a block or a figure is stale

A block lies between two lines, `<!-- table:NAME -->` and `<!-- /table -->`; blocks.py lists the
names. A figure of FIGURES is drawn, and checked, where a page shows it.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks import read_records, render

from graphdam.errors import DataError, GraphDamError, unknown_choice
from graphdam.report import draw_frontier, draw_systems
from graphdam.report.figures.frontier import Against

ROOT = Path(__file__).resolve().parent.parent
PAGES = (Path("README.md"), Path("benchmarks/README.md"))
RESULTS = Path("benchmarks/results")
FIGURES_FOLDER = Path("benchmarks/figures")


@dataclass(frozen=True)
class Frontier:
    """A figure: of which records, against what, and with which scores beside the test score."""

    records: str
    against: Against = "width"
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Systems:
    """A figure of smaller models and of masked ones, apart."""

    records: str


_CITATIONS = ("cora", "citeseer", "pubmed")
_PRUNED = ("mnist-lenet5", "mnist-mlp", "cifar10-subset-preresnet", "cifar10-subset-vgg16")
_LINKS, _PROBE = ("average_precision",), ("macro_f1", "nmi")

FIGURES: dict[str, Frontier | Systems] = {
    **{f"{name}-gcn.png": Frontier(f"planetoid/{name}-gcn-*") for name in _CITATIONS},
    "cora-gcn-multiply-adds.png": Frontier("planetoid/cora-gcn-*", "multiply-adds"),
    **{f"{n}-gcn.png": Frontier(f"graphs/{n}-gcn-*") for n in ("photo", "computers", "cs")},
    **{f"{n}-links.png": Frontier(f"links/{n}-gcn-*", further=_LINKS) for n in _CITATIONS},
    **{f"{n}-embeddings.png": Frontier(f"embeddings/{n}-*", further=_PROBE) for n in _CITATIONS},
    **{
        f"{name}-paper.png": Frontier(f"paper-graphs/{name}-gcn-*", further=(*_LINKS, "macro_f1"))
        for name in _CITATIONS
    },
    **{f"{n}.png": Frontier(f"pruning/{n}-*", "multiply-adds") for n in _PRUNED},
    **{
        f"{name}-systems.png": Systems(f"systems/{name}-*")
        for name in ("mnist", "cifar10-subset", "cora", "citeseer")
    },
    **{
        f"{n}.png": Frontier(f"recommender/{n}-*", further=("mae",)) for n in ("flixster", "douban")
    },
    "mnist-autoencoder.png": Frontier("mnist-autoencoder/*", further=("mse", "macro_f1")),
}
"""By the file's name; those that a page shows are drawn."""

_SHOWN = re.compile(r"\]\((?:benchmarks/)?figures/([^)/]+)\)")
_OPENING = re.compile(r"<!-- table:(\S+) -->")
_CLOSING = "<!-- /table -->"


@dataclass(frozen=True)
class Page:
    """A page as it is and as it should be, with the names of the blocks where the two differ."""

    text: str
    fresh: str
    stale: tuple[str, ...]


def renew(text: str, *, results: Path, page: str) -> Page:
    """The page with the content of every block made anew."""
    fresh: list[str] = []
    stale: list[str] = []
    name: str | None = None
    held: list[str] = []
    for at, line in enumerate(text.splitlines(keepends=True), start=1):
        opening = _OPENING.fullmatch(line.strip())
        if name is None:
            if line.strip() == _CLOSING:
                raise DataError(f"{page}, line {at}: '{_CLOSING}' closes no table. Remove it.")
            fresh.append(line)
            if opening:
                name, held = opening[1], []
        elif opening:
            raise DataError(f"{page}, line {at}: table '{name}' is still open. {_close_it()}")
        elif line.strip() == _CLOSING:
            content = render(name, results=results)
            block = f"\n{content}\n\n" if content else ""
            if block != "".join(held):
                stale.append(name)
            fresh += [block, line]
            name = None
        else:
            held.append(line)
    if name is not None:
        raise DataError(f"{page}: table '{name}' is never closed. {_close_it()}")
    return Page(text=text, fresh="".join(fresh), stale=tuple(stale))


def shown_figures(
    pages: Iterable[str], figures: Mapping[str, Frontier | Systems]
) -> dict[str, Frontier | Systems]:
    """The figures that these pages show, by name."""
    shown = dict.fromkeys(name for page in pages for name in _SHOWN.findall(page))
    for name in shown:
        if name not in figures:
            hint = "Pages show figures that FIGURES holds."
            raise DataError(unknown_choice("figure", name, figures, hint))
    return {name: figures[name] for name in shown}


def stale_figures(
    figures: Mapping[str, Frontier | Systems], folder: Path, *, results: Path, write: bool
) -> list[str]:
    """The figures whose bytes are not those that their records make; mended if asked to."""
    stale = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, figure in figures.items():
            records, drawn = read_records(figure.records, results), Path(scratch) / name
            if isinstance(figure, Systems):
                draw_systems(records, drawn)
            else:
                draw_frontier(records, drawn, against=figure.against, further=figure.further)
            fresh, file = drawn.read_bytes(), folder / name
            if file.is_file() and file.read_bytes() == fresh:
                continue
            stale.append(name)
            if write:
                folder.mkdir(parents=True, exist_ok=True)
                file.write_bytes(fresh)
    return stale


def main(
    arguments: Sequence[str] | None = None,
    *,
    root: Path = ROOT,
    figures: Mapping[str, Frontier | Systems] = FIGURES,
) -> int:
    """The exit code: 0 where all is well, 1 for stale blocks under `--check`, 2 for an error."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing, name stale blocks")
    check = parser.parse_args(arguments).check
    try:
        results = root / RESULTS
        pages = {page: _renew_file(root / page, results=results) for page in PAGES}
        figures = shown_figures([page.fresh for page in pages.values()], figures)
        pictures = stale_figures(figures, root / FIGURES_FOLDER, results=results, write=not check)
    except GraphDamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path, page in pages.items():
        for name in page.stale:
            print(f"{path.as_posix()}: table:{name} {'is stale' if check else 'written anew'}")
        if not check and page.fresh != page.text:
            (root / path).write_text(page.fresh, encoding="utf-8", newline="\n")
    for name in pictures:
        print(f"{(FIGURES_FOLDER / name).as_posix()} {'is stale' if check else 'drawn anew'}")
    if check and (pictures or any(page.stale for page in pages.values())):
        print("Run `python benchmarks/tables.py` and commit what it writes.")
        return 1
    return 0


def _renew_file(path: Path, *, results: Path) -> Page:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error}): the page must exist.") from error
    return renew(text, results=results, page=path.name)


def _close_it() -> str:
    return f"Close it with a line '{_CLOSING}'."


if __name__ == "__main__":
    sys.exit(main())
