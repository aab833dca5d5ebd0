"""`graphdam train`: one run from a data set to a compact model."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphdam.cli.output import DataRoot, Debug, Json, Output, Quiet
from graphdam.cli.values import assignments, numbers
from graphdam.errors import SettingsError

if TYPE_CHECKING:
    from graphdam.report import RunRecord
    from graphdam.training import Settings


def train(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="digits, karate, sbm (no download), cora, citeseer, pubmed, photo …; images: "
            "digits-images (no download), mnist, cifar10, cifar10-subset; ratings: flixster, "
            "douban."
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(help="Your own graph instead: a .npz, a .graphml, or a folder of CSV."),
    ] = None,
    ratings: Annotated[
        str | None,
        typer.Option(help="Your own ratings instead: a .csv of user,item,rating[,timestamp]."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="gcn, graphsage or gat; on images mlp, lenet5, vgg16 or preresnet; on ratings "
            "igmc."
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "--method",
            help="dam or default (DAM beside a wide teacher), wide (no gates); rivals: paper "
            "(plain DAM), l1, l0 (other gates), nested (Matryoshka losses), irrelevance, aswl "
            "(masked weights), frank-wolfe (to be cut), minge, random.",
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="A finished run, or a saved model's folder, to learn from: trained already, it is "
            "the teacher as it is.",
        ),
    ] = None,
    target_width: Annotated[
        str | None,
        typer.Option(help="End at exactly this hidden width; one number, or one a layer: 16,8."),
    ] = None,
    max_parameters: Annotated[
        int | None,
        typer.Option(help="End with at most so many parameters, narrowing the layers worth least."),
    ] = None,
    max_multiply_adds: Annotated[
        int | None,
        typer.Option(help="End with at most so many multiply-adds an inference, likewise."),
    ] = None,
    gate_output: Annotated[
        bool,
        typer.Option("--gate-output", help="Learn the width of the embedding too."),
    ] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Train seeds 0 … N−1 and report their mean.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Train this one seed.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Kind of split, where a data set has several.")
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(help="node-classification; without labels dgi, grace, bgrl, gae or vgae."),
    ] = None,
    hidden_channels: Annotated[
        int | None, typer.Option(help="Hidden width of the wide model.")
    ] = None,
    num_layers: Annotated[int | None, typer.Option(help="Number of graph convolutions.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Full-batch steps; passes over batches, images or ratings.")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Seed nodes a step, their neighbourhoods sampled (or images, ratings)."),
    ] = None,
    neighbors: Annotated[
        str | None,
        typer.Option(help="Neighbours that a batch samples for a node, by layer: 15,10,5."),
    ] = None,
    loader: Annotated[
        str | None,
        typer.Option(
            help="What a batch of a graph holds: neighbor (neighbourhoods of its seed nodes), "
            "cluster (Cluster-GCN) or saint (GraphSAINT)."
        ),
    ] = None,
    memory_budget: Annotated[
        float | None,
        typer.Option(help="GiB that a run may take: batches where the whole graph takes more."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting, see graphdam settings; may be repeated.",
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="Run folder; by default a new one under runs/.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the run that --out holds.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted run where it stopped.")
    ] = False,
    data_root: DataRoot = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 … or auto.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32, or bf16 for training steps in bfloat16.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Train a gated model, learn its widths, hand back the smaller model.

    Leaves a run folder with settings.json, history.jsonl, result.json, figures/ and model/, which
    from_pretrained of graphdam.GCN, or of graphdam.nn.ImageModel or IGMC, loads. Without --dataset
    it trains on digits, which needs no download.
    """
    output = Output(json=json_, quiet=quiet or json_)
    _refuse_several(dataset=dataset, graph=graph, ratings=ratings)
    if seeds is not None and seed is not None:
        raise SettingsError(
            f"Both --seeds {seeds} (seeds 0 … {seeds - 1}) and --seed {seed} were given: leave one "
            f"of them out."
        )
    own = graph or ratings
    given: dict[str, Any] = {
        "dataset": dataset if own is None else str(Path(own).resolve()),
        "model": model,
        "teacher_from": None if teacher is None else str(Path(teacher).resolve()),
        "target_width": numbers("--target-width", target_width, "16,8"),
        "max_parameters": max_parameters,
        "max_multiply_adds": max_multiply_adds,
        "gate_output": gate_output or None,
        "seeds": tuple(range(seeds)) if seeds is not None else None if seed is None else (seed,),
        "split": split,
        "objective": objective,
        "hidden_channels": hidden_channels,
        "num_layers": num_layers,
        "epochs": epochs,
        "batch_size": batch_size,
        "neighbors": numbers("--neighbors", neighbors, "15,10"),
        "loader": loader,
        "memory_budget": memory_budget,
        "device": device,
        "threads": threads,
        "precision": precision,
    }
    given = {name: value for name, value in given.items() if value is not None}
    given.update(assignments(set_ or []))
    if graph is not None and not Path(graph).exists():
        raise SettingsError(
            f"--graph {graph} does not exist: name a .npz or .graphml file, or a folder with "
            f"edges.csv and nodes.csv."
        )
    _train(given, recipe, out=out, overwrite=overwrite, resume=resume, root=data_root, to=output)


def _train(
    given: dict[str, Any],
    recipe: str | None,
    *,
    out: str | None,
    overwrite: bool,
    resume: bool,
    root: Path | None,
    to: Output,
) -> None:
    from graphdam.cli.progress import TrainingProgress
    from graphdam.pipeline import run
    from graphdam.training import Settings
    from graphdam.training.run_folder import RunFolder
    from graphdam.training.team import leads_here

    if not leads_here():
        to = Output(json=True, quiet=True)
    if resume and overwrite:
        raise SettingsError("--resume keeps a run and --overwrite discards it: give one of them.")
    if resume and out is not None and not given and recipe is None:
        settings = RunFolder.open(Path(out)).settings()
    else:
        settings = Settings.of("default" if recipe in (None, "dam") else recipe, **given)
    folder = Path(out) if out is not None else _default_folder(settings, resume=resume)
    command = shlex.join(["graphdam", *sys.argv[1:]])
    with TrainingProgress(settings, to.progress) as progress:
        record = run(
            settings,
            folder,
            data_root=root,
            overwrite=overwrite,
            resume=resume,
            command=command,
            observer=progress.observer,
        )
    if leads_here():
        _show(record, folder, to)


def _default_folder(settings: Settings, *, resume: bool) -> Path:
    """runs/<data set>-<model>-<recipe>, with a number behind it where that is taken."""
    name = "-".join([Path(settings.dataset).stem.lower(), settings.model, settings.recipe])
    if settings.target_width is not None:
        name += "-" + "x".join(map(str, settings.target_width))
    folder, number = Path("runs") / name, 2
    while folder.exists():
        if resume and not (folder / "result.json").exists():
            return folder
        folder, number = Path("runs") / f"{name}-{number}", number + 1
    if resume:
        raise SettingsError(
            f"There is no interrupted run at runs/{name}: name the one to continue with --out, or "
            f"leave --resume out to begin it."
        )
    return folder


def _show(record: RunRecord, folder: Path, to: Output) -> None:
    from graphdam.report import before_after, deviation_line, run_title, to_rich

    to.document({"run": str(folder), **record.model_dump(mode="json")})
    console = to.results
    console.print(to_rich(before_after(record), title=run_title(record)))
    line = deviation_line(record)
    if line is not None:
        to.text(line, style="dim")
    for note in record.notes:
        to.text(f"Note: {note}.", style="yellow")
    to.text(f"\nRun: {folder}")
    first = "embed" if record.learns_embedding else "evaluate"
    first = "predict" if record.objective == "node-classification" else first
    to.text(f"Next: graphdam {first} {folder}\n      graphdam info {folder}")


def _refuse_several(**sources: str | None) -> None:
    """A run is about one thing, and ratings are a file that says so."""
    named = [f"--{name} {value}" for name, value in sources.items() if value is not None]
    if len(named) > 1:
        raise SettingsError(
            f"Both {' and '.join(named)} were given: a run is about one graph or set, so leave one "
            f"of them out."
        )
    ratings, graph = sources["ratings"], sources["graph"]
    if ratings is not None and not ratings.lower().endswith(".csv"):
        raise SettingsError(
            f"--ratings takes a .csv file of user,item,rating[,timestamp]; received '{ratings}'."
        )
    if graph is not None and graph.lower().endswith(".csv"):
        raise SettingsError(
            f"--graph takes a .npz, a .graphml, or a folder with nodes.csv and edges.csv; "
            f"'{graph}' is a single table, which --ratings takes if it holds ratings."
        )
