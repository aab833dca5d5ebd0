"""`graphdam export`: a run's compact model for use without graphdam."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphdam.cli.inspect_run import Run
from graphdam.cli.output import DataRoot, Debug, Json, Output, Overwrite, Quiet, require_free
from graphdam.errors import SettingsError, unknown_choice

SUFFIXES = {"pyg": ".json", "torch-export": ".pt2", "onnx": ".onnx"}
"""Those of `graphdam.nn.export_formats`, which `--help` need not import."""


def export(
    run: Run,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help="pyg (a stock torch_geometric.nn model: JSON and safetensors), torch-export, or "
            "onnx (needs graphdam[export]).",
        ),
    ] = "pyg",
    out: Annotated[
        str | None,
        typer.Option(
            help="File to write: .json, .pt2 or .onnx; by default model.* in RUN/export/."
        ),
    ] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a run's compact model as a file that runs without graphdam, compared before it is."""
    from graphdam.serving import export_run, load_run

    output = Output(json=json_, quiet=quiet or json_)
    if format_ not in SUFFIXES:
        raise SettingsError(unknown_choice("format", format_, SUFFIXES))
    default = Path(run) / "export" / f"model{SUFFIXES[format_]}"
    path = default if out is None else Path(out)
    written = [path, path.with_suffix(".safetensors")] if format_ == "pyg" else [path]
    require_free(*written, overwrite=overwrite)
    loaded = load_run(Path(run), data_root=data_root)
    done = export_run(loaded, path, format=format_)
    output.document(
        {
            "run": run,
            "format": format_,
            "files": [str(file) for file in done.files],
            "graph": loaded.graph.name,
            "deviation": done.deviation,
            "other_nodes": done.other_nodes,
            "deviation_elsewhere": done.deviation_elsewhere,
            "snippet": done.snippet,
        }
    )
    output.text(f"{loaded.encoder!r} → {', '.join(map(str, done.files))}")
    output.text(
        f"Read back, its outputs differ from the model's by at most {done.deviation:.1e} of their "
        f"scale on {loaded.graph.name}, and by {done.deviation_elsewhere:.1e} on a random graph of "
        f"{done.other_nodes} nodes."
    )
    output.text(f"\n{done.snippet}", style="dim")
