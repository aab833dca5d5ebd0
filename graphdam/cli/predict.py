"""`graphdam predict`: classes of nodes, links and ratings of pairs, by a finished run."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from graphdam.cli.inspect_run import OtherGraph, Run
from graphdam.cli.output import DataRoot, Debug, Json, Output, Overwrite, Quiet, require_free
from graphdam.errors import SettingsError

if TYPE_CHECKING:
    from graphdam.serving import LoadedRun

ENDS = ("source", "target")

Pairs: TypeAlias = tuple[Sequence[str], Sequence[str]]


def predict(
    run: Run,
    pairs: Annotated[
        str | None,
        typer.Argument(
            metavar="PAIRS",
            help="A .csv of pairs: source,target of a run that learnt links, user,item of one on "
            "ratings. Nodes are classified without it.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="CSV file to write; by default predictions.csv in RUN.")
    ] = None,
    overwrite: Overwrite = False,
    graph: OtherGraph = None,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say the class of every node, or of pairs how likely they are linked, or their rating.

    Another graph needs no labels. Links are told with all links of the graph known, and users and
    items may be new.
    """
    from graphdam.serving import load_any_run

    output = Output(json=json_, quiet=quiet or json_)
    path = Path(out) if out is not None else Path(run) / "predictions.csv"
    require_free(path, overwrite=overwrite)
    loaded = load_any_run(Path(run), graph=graph, data_root=data_root, labelled=False)
    settings = loaded.settings
    if settings.kind == "ratings":
        found = _rate(loaded, _needed(pairs, run, ("user", "item")), path, output)
    elif settings.kind == "graphs" and settings.rebuilds_links:
        found = _link(loaded, _needed(pairs, run, ENDS), path, output)
    else:
        if pairs is not None:
            raise SettingsError(
                f"{run} tells nothing of pairs, and {pairs} holds some: leave it out, or name a "
                f"run of --objective gae, or one on ratings."
            )
        found = _classify(loaded, path, output)
    output.document({"run": run, "file": str(path), **found})


def _needed(pairs: str | None, run: str, columns: tuple[str, str]) -> Pairs:
    from graphdam.data.rating_files import read_pairs_csv

    if pairs is None:
        raise SettingsError(
            f"{run} tells something of pairs: name a .csv of them, with the columns "
            f"{' and '.join(columns)}, as in graphdam predict {run} pairs.csv."
        )
    return read_pairs_csv(Path(pairs), columns)


def _classify(loaded: LoadedRun[Any, Any], path: Path, output: Output) -> dict[str, Any]:
    from graphdam.predicting import class_probabilities

    graph, probabilities = loaded.graph, class_probabilities(loaded)
    nodes = graph.node_ids or range(graph.num_nodes)
    names = loaded.record.classes or [str(each) for each in range(probabilities.size(1))]
    several = loaded.record.test.metric != "accuracy" and loaded.encoder.out_channels > 1
    if several:
        header = ("node", *(f"p{name}" for name in names))
        rows = ((node, *map(_told, row)) for node, row in _zip(nodes, probabilities.tolist()))
    else:
        header = ("node", "class", "probability")
        highest, best = (each.tolist() for each in probabilities.max(1))
        rows = ((n, names[b], _told(p)) for n, b, p in _zip(nodes, best, highest))
    _write(path, header, rows)
    output.text(f"{graph.name}: {graph.num_nodes:,} nodes → {path}")
    return {"graph": graph.name, "nodes": graph.num_nodes}


def _link(loaded: LoadedRun[Any, Any], pairs: Pairs, path: Path, output: Output) -> dict[str, Any]:
    from graphdam.predicting import link_probabilities

    likely = link_probabilities(loaded, *pairs).tolist()
    rows = _zip(*pairs, map(_told, likely))
    _write(path, (*ENDS, "probability"), rows)
    output.text(f"{loaded.graph.name}: {len(likely):,} pairs → {path}")
    return {"graph": loaded.graph.name, "pairs": len(likely)}


def _rate(loaded: LoadedRun[Any, Any], pairs: Pairs, path: Path, output: Output) -> dict[str, Any]:
    from graphdam.predicting import rate_pairs

    found, count = rate_pairs(loaded, *pairs), len(pairs[0])
    _write(path, ("user", "item", "rating"), _zip(*pairs, map(_told, found.values.tolist())))
    output.text(f"{count:,} pairs → {path}")
    if found.num_unseen:
        output.text(
            f"Note: {found.num_unseen:,} of them have a user or an item without a training rating.",
            style="yellow",
        )
    if found.num_alone:
        output.text(
            f"Note: {found.num_alone:,} of them have nothing known around them and are rated "
            f"{loaded.graph.mean:.2f}, the mean of the training ratings.",
            style="yellow",
        )
    return {"pairs": count, "unseen": found.num_unseen, "alone": found.num_alone}


def _zip(*columns: Iterable[Any]) -> Iterable[tuple[Any, ...]]:
    return zip(*columns, strict=True)


def _told(value: float) -> str:
    return f"{value:.4f}"


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    from graphdam.files import write_atomically

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_atomically(path, text.getvalue())
