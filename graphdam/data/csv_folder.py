"""A user's graph as a folder of two CSV tables, `nodes.csv` and `edges.csv`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphdam.data.columns import classes_of, masks_of
from graphdam.data.raw import Array, RawGraph
from graphdam.errors import DataError

NODES, EDGES = "nodes.csv", "edges.csv"


def read_csv_folder(folder: Path, *, labelled: bool = True) -> RawGraph:
    """Read `nodes.csv` (`id,label[,split],features…`) and `edges.csv` (`source,target[,weight]`).

    The first line of each names the columns. Ids may be any words. Labels are class numbers or
    any names, empty where unknown; the split is `train`, `val`, `test` or empty; every other
    column of `nodes.csv` is a feature. Edges are undirected: one line stands for both directions.

    Args:
        folder: of the two tables.
        labelled: whether the columns `label` and `split` are read.

    Raises:
        DataError: a table or column is missing, or a line cannot be read; names the line.
    """
    ids, labels, splits, x = _read_nodes(folder / NODES, labelled=labelled)
    edge_index, weight = _read_edges(folder / EDGES, ids)
    y, class_names = classes_of(labels)
    return RawGraph(
        folder.name,
        str(folder),
        x,
        edge_index,
        weight,
        y,
        masks_of(splits, source=str(folder / NODES)),
        undirected=True,
        node_ids=tuple(ids),
        class_names=class_names,
    )


def csv_rows(
    path: Path,
    required: tuple[str, ...],
    *,
    missing: str = f"a graph in CSV is a folder with {NODES} and {EDGES}",
) -> Iterator[tuple[int, list[str]]]:
    """The header, then every line that is not empty, each with its line number.

    Args:
        path: the file.
        required: columns that the first line must name.
        missing: what to say of the form where there is no such file.

    Raises:
        DataError: no such file, no such columns, or a line that has another number of them.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lacking = [name for name in required if name not in header]
            if lacking or len(set(header)) < len(header):
                trouble = f"lacks {', '.join(lacking)}" if lacking else "has a column twice"
                raise DataError(
                    f"{path}: the first line must name the columns, {', '.join(required)} among"
                    f" them, but {trouble}: {', '.join(header) or 'it is empty'}."
                )
            yield 1, header
            for row in reader:
                if not row:
                    continue
                if len(row) != len(header):
                    raise DataError(
                        f"{path}, line {reader.line_num}: {len(row)} columns found where the first"
                        f" line names {len(header)}; complete the line."
                    )
                yield reader.line_num, [cell.strip() for cell in row]
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; {missing}.") from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"{path}: the file cannot be read as CSV in UTF-8 ({error}); write it again."
        ) from error


def _number(text: str, path: Path, line: int, column: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise DataError(
            f"{path}, line {line}: column {column} must hold numbers, but holds '{text}'; correct"
            " it or leave the column out."
        ) from error


def _read_nodes(
    path: Path, *, labelled: bool
) -> tuple[dict[str, int], list[str], list[str], Array]:
    rows = csv_rows(path, ("id", "label") if labelled else ("id",))
    _, header = next(rows)
    features = [i for i, name in enumerate(header) if name not in ("id", "label", "split")]
    if not features:
        raise DataError(
            f"{path}: no feature columns were found beside id, label and split; add at least one,"
            " such as the node's degree."
        )
    at_id = header.index("id")
    at_label = header.index("label") if labelled else None
    at_split = header.index("split") if labelled and "split" in header else None
    ids: dict[str, int] = {}
    labels, splits, values = [], [], []
    for line, row in rows:
        if row[at_id] in ids:
            raise DataError(f"{path}, line {line}: the id '{row[at_id]}' stands twice; keep one.")
        ids[row[at_id]] = len(ids)
        labels.append("" if at_label is None else row[at_label])
        splits.append("" if at_split is None else row[at_split])
        values.append([_number(row[i], path, line, header[i]) for i in features])
    return ids, labels, splits, np.array(values, dtype=np.float64).reshape(-1, len(features))


def _read_edges(path: Path, ids: dict[str, int]) -> tuple[Array, Array | None]:
    rows = csv_rows(path, ("source", "target"))
    _, header = next(rows)
    at_weight = header.index("weight") if "weight" in header else None
    ends = (header.index("source"), header.index("target"))
    pairs, weights = [], []
    for line, row in rows:
        for end in ends:
            if row[end] not in ids:
                raise DataError(
                    f"{path}, line {line}: the edge names node '{row[end]}', which {NODES} does not"
                    " list; add the node or remove the edge."
                )
        pairs.append([ids[row[end]] for end in ends])
        if at_weight is not None:
            weights.append(_number(row[at_weight], path, line, "weight"))
    edge_index = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return edge_index, None if at_weight is None else np.array(weights)
