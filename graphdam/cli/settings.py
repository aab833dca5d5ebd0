"""`graphdam settings`: all that `graphdam train --set` can change, with its default."""

from __future__ import annotations

from typing import Annotated

import typer

from graphdam.cli.output import Debug, Json, Output


def settings(
    recipe: Annotated[str, typer.Option(help="Whose values to show.")] = "default",
    objective: Annotated[str, typer.Option(help="Under which objective.")] = "node-classification",
    json_: Json = False,
    debug: Debug = False,  # main reads it
) -> None:
    """List every setting of a run with its value under a recipe and what it means."""
    from rich import box
    from rich.table import Table

    from graphdam.training import RECIPES, Settings

    output = Output(json=json_)
    values = Settings.of(recipe, objective=objective).model_dump(mode="json")
    meanings = {name: field.description for name, field in Settings.model_fields.items()}
    output.document(
        {name: {"value": values[name], "meaning": meanings[name]} for name in Settings.model_fields}
    )
    table = Table(
        title=f"Recipe {recipe}: {RECIPES[recipe].summary}", title_justify="left", box=box.SIMPLE
    )
    for column in ("setting", "value", "meaning"):
        table.add_column(column)
    for name, value in values.items():
        shown = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        table.add_row(name, shown, meanings[name])
    output.results.print(table)
