"""`graphdam predict`: ratings of the user's own pairs, by a finished run."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import typer

from graphdam.cli.output import DataRoot, Debug, Json, Output, Overwrite, Quiet, require_free


def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run on ratings.")],
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="A .csv with the columns user and item.")
    ],
    out: Annotated[
        str | None, typer.Option(help="CSV file to write; by default predictions.csv in RUN.")
    ] = None,
    overwrite: Overwrite = False,
    data_root: DataRoot = None,
    json_: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Rate pairs of users and items, new ones too, from the ratings that a run was trained on."""
    from graphdam.data.rating_files import read_pairs_csv
    from graphdam.files import write_atomically
    from graphdam.serving import load_any_run, predict_run

    output = Output(json=json_, quiet=quiet or json_)
    path = Path(out) if out is not None else Path(run) / "predictions.csv"
    require_free(path, overwrite=overwrite)
    loaded = load_any_run(Path(run), data_root=data_root)
    users, items = read_pairs_csv(Path(pairs))
    found = predict_run(loaded, users, items)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("user", "item", "rating"))
    rated = (f"{value:.4f}" for value in found.values.tolist())
    writer.writerows(zip(users, items, rated, strict=True))
    write_atomically(path, text.getvalue())
    output.document(
        {
            "run": run,
            "file": str(path),
            "pairs": len(users),
            "unseen": found.num_unseen,
            "alone": found.num_alone,
        }
    )
    output.text(f"{len(users):,} pairs → {path}")
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
