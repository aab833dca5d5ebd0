"""`graphdam evaluate | embed | info`: what can be asked of a finished run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphdam.cli.output import DataRoot, Debug, Json, Output, Overwrite, Quiet, require_free

if TYPE_CHECKING:
    from graphdam.training.model import Model

Run = Annotated[str, typer.Argument(metavar="RUN", help="The folder that graphdam train wrote.")]
OtherGraph = Annotated[
    str | None,
    typer.Option("--graph", help="Another graph with the same features: a name or a file."),
]


def evaluate(
    run: Run,
    graph: OtherGraph = None,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Score a run's compact model again, on the run's graph or on another one."""
    from rich import box
    from rich.table import Table

    from graphdam.report.numbers import metric_label, value_text
    from graphdam.serving import load_any_run, score_run

    output = Output(json=json_, quiet=quiet or json_)
    loaded = load_any_run(Path(run), graph=graph, data_root=data_root)
    scores = score_run(loaded)
    output.document({"run": run, "graph": loaded.graph.name, **scores})
    table = Table(
        title=f"{loaded.graph.name}, {loaded.graph.split_name} split",
        title_justify="left",
        box=box.SIMPLE,
    )
    for column in ("", *scores["scores"]):
        table.add_column(column, justify="right" if column else "left")
    metric = scores["metric"]
    told = (value_text(metric, value) for value in scores["scores"].values())
    table.add_row(metric_label(metric), *told)
    output.results.print(table)
    output.text(
        f"widths {scores['widths']}, {scores['parameters']:,} parameters, "
        f"{scores['multiply_adds']:,} multiply-adds"
    )


def embed(
    run: Run,
    out: Annotated[
        str | None,
        typer.Option(help="File to write: .npy, .npz or .csv; by default embedding.npy in RUN."),
    ] = None,
    overwrite: Overwrite = False,
    graph: OtherGraph = None,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the embeddings of a run's compact model: a row a node, or a code an image or point."""
    from graphdam.serving import embed_run, load_any_run, write_embedding

    output = Output(json=json_, quiet=quiet or json_)
    path = Path(out) if out is not None else Path(run) / "embedding.npy"
    require_free(path, overwrite=overwrite)
    loaded = load_any_run(Path(run), graph=graph, data_root=data_root, labelled=False)
    embedding = embed_run(loaded)
    kind = "row" if loaded.settings.reconstructs else "node"
    ids = None if loaded.settings.reconstructs else loaded.graph.node_ids
    write_embedding(embedding, path, rows=kind, ids=ids)
    rows, columns = embedding.shape
    output.document({"run": run, "file": str(path), f"{kind}s": rows, "dimensions": columns})
    output.text(f"{rows:,} {kind}s × {columns} dimensions → {path}")


def info(
    run: Run,
    json_: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a run was, what it found, and the layers of its compact model."""
    from graphdam.report import (
        before_after,
        caption,
        deviation_line,
        prefix_table,
        read_record,
        run_title,
        to_rich,
    )
    from graphdam.training import load_model
    from graphdam.training.run_folder import RunFolder

    output = Output(json=json_)
    folder = RunFolder.open(Path(run))
    settings = folder.settings().model_dump(mode="json")
    if not folder.is_finished:
        output.document({"run": run, "finished": False, "settings": settings})
        output.text(f"{run} has not finished: graphdam train --out {run} --resume continues it.")
        return
    record = read_record(folder.path)
    encoder = load_model(folder.settings(), folder.model)
    layers = _layers(encoder.state_dict())
    output.document(
        {
            "run": run,
            "finished": True,
            "settings": settings,
            "result": record.model_dump(mode="json"),
            "layers": layers,
        }
    )
    output.results.print(to_rich(before_after(record), title=run_title(record)))
    output.text(deviation_line(record) or "", style="dim")
    output.text(caption([record]), style="dim")
    prefixes = prefix_table(record)
    if prefixes is not None:
        title = f"Seed {record.model_seed} cut to its first channels, untrained"
        output.results.print(to_rich(prefixes, title=title))
    output.text(f"\n{encoder!r}, from seed {record.model_seed}")
    for name, shape in layers.items():
        output.text(f"  {name:28} {' × '.join(map(str, shape))}")
    output.text(f"\nIn Python: {_loading(encoder, folder.model)}")


def _loading(model: Model, folder: Path) -> str:
    from graphdam.nn import IGMC, ImageModel

    if isinstance(model, ImageModel):
        return f"graphdam.nn.ImageModel.from_pretrained('{folder}').net"
    if isinstance(model, IGMC):
        return f"graphdam.nn.IGMC.from_pretrained('{folder}')"
    return f"graphdam.{type(model).__name__}.from_pretrained('{folder}')"


def _layers(state: dict[str, Any]) -> dict[str, list[int]]:
    return {name: list(value.shape) for name, value in state.items() if value.dim() > 0}
