"""`graphdam settings`: all that `graphdam train --set` can change, with its default."""

from __future__ import annotations

from typing import Annotated

import typer

from graphdam.cli.output import Debug, Json, Output


def settings(
    recipe: Annotated[str, typer.Option(help="Whose values to show.")] = "default",
    objective: Annotated[str | None, typer.Option(help="Under which objective.")] = None,
    dataset: Annotated[str | None, typer.Option(help="On which data, as mnist.")] = None,
    model: Annotated[str | None, typer.Option(help="Of which model.")] = None,
    json_: Json = False,
    debug: Debug = False,  # main reads it
) -> None:
    """List every setting of a run with its value under a recipe and what it means."""
    from rich import box
    from rich.table import Table

    from graphdam.training import RECIPES, Settings

    output = Output(json=json_)
    given = {"objective": objective, "dataset": dataset, "model": model}
    about = {name: value for name, value in given.items() if value is not None}
    values = Settings.of(recipe, **about).model_dump(mode="json")
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
