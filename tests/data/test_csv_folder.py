from __future__ import annotations

from pathlib import Path

import pytest

from graphdam.data.own import graph_from_file
from graphdam.errors import DataError

NODES = "id,label,f\n" + "".join(f"n{i},{'ab'[i % 2]},{i}.5\n" for i in range(8))
EDGES = "source,target\nn0,n1\nn1,n2\n\nn1,n0\nn7,n7\n"


def _folder(path: Path, nodes: str | bytes = NODES, edges: str | bytes = EDGES) -> Path:
    for name, content in (("nodes.csv", nodes), ("edges.csv", edges)):
        encoded = content.encode() if isinstance(content, str) else content
        (path / name).write_bytes(encoded)
    return path


def test_a_case_by_hand(tmp_path: Path) -> None:
    graph = graph_from_file(_folder(tmp_path))
    assert graph.edge_index.T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1], [7, 7]]
    assert graph.edge_weight is None
    assert graph.y.tolist() == [0, 1] * 4
    assert graph.dense_x().tolist() == [[i + 0.5] for i in range(8)]


def test_a_byte_order_mark_and_spaces_are_no_part_of_a_name(tmp_path: Path) -> None:
    nodes = "\ufeff" + NODES.replace(",", " , ").replace("\n", "\r\n")
    assert graph_from_file(_folder(tmp_path, nodes)).y.tolist() == [0, 1] * 4


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        ("id,f\nn0,1\n", EDGES, "the columns, id, label among them, but lacks label: id, f"),
        ("", EDGES, "but lacks id, label: it is empty"),
        ("id,label,f,f\nn0,1,1,1\n", EDGES, "but has a column twice: id, label, f, f"),
        ("id,label,split\nn0,1,\n", EDGES, "no feature columns were found beside id"),
        (NODES + "n8,a\n", EDGES, "nodes.csv, line 10: 2 columns found where"),
        (NODES + "n3,a,1\n", EDGES, "nodes.csv, line 10: the id 'n3' stands twice; keep one"),
        (NODES + "n8,a,much\n", EDGES, "line 10: column f must hold numbers, but holds 'much'"),
        (NODES + "n8,a,nan\n", EDGES, "must be finite numbers within float32, but 1 are"),
        ("id,label,f\n", "source,target\n", "at least one node and one feature are needed"),
        (NODES, EDGES + "n0,n9\n", "edges.csv, line 7: the edge names node 'n9', which"),
        (NODES, "from,to\nn0,n1\n", "edges.csv: the first line must name the columns"),
        (NODES, "source,target,weight\nn0,n1,\n", "line 2: column weight must hold numbers"),
        (NODES + 'n8,"a,1\n', EDGES, "nodes.csv: the file cannot be read as CSV in UTF-8"),
        (b"id,label,f\n\xff,1,1\n", EDGES, "nodes.csv: the file cannot be read as CSV in UTF-8"),
    ],
)
def test_each_flaw_has_its_sentence(
    tmp_path: Path, nodes: str | bytes, edges: str | bytes, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        graph_from_file(_folder(tmp_path, nodes, edges))
    assert message in str(caught.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    (_folder(tmp_path) / "edges.csv").unlink()
    with pytest.raises(
        DataError, match=r"edges.csv: no such file; a graph in CSV is a folder with"
    ):
        graph_from_file(tmp_path)
