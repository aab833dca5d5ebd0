"""Does `graphdam predict` write what a run says of nodes and pairs, and refuse the rest?"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Graphdam = Callable[..., Any]

NODES = "id,label,f0,f1\n" + "".join(
    f"n{i},{'odd' if i % 2 else 'even'},{i % 2},{(i + 1) % 2}\n" for i in range(40)
)
EDGES = "source,target\n" + "".join(f"n{i},n{(i + 2) % 40}\n" for i in range(40))


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A user's graph whose nodes and classes have names."""
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "nodes.csv").write_text(NODES)
    (folder / "edges.csv").write_text(EDGES)
    return folder


def test_nodes_are_classified_by_their_names(
    graphdam: Graphdam, quick: list[str], net: Path
) -> None:
    assert graphdam("train", "--graph", net, "--out", "run", *quick, "--epochs", "60").code == 0
    told = graphdam("predict", "run")
    assert told.code == 0, told.err
    assert "net: 40 nodes → run/predictions.csv" in told.out
    with Path("run/predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["node"] for row in rows] == [f"n{i}" for i in range(40)]
    assert all(0.5 <= float(row["probability"]) <= 1 for row in rows)
    right = Counter(row["class"] == ("even", "odd")[i % 2] for i, row in enumerate(rows))
    assert right[True] > 30

    bare = "\n".join(re.sub(r",\w+,", ",", line, count=1) for line in NODES.splitlines())
    (net / "nodes.csv").write_text(bare)
    again = graphdam("predict", "run", "--graph", net, "--out", "new.csv", "--json")
    assert json.loads(again.out) == {"run": "run", "file": "new.csv", "graph": "net", "nodes": 40}
    assert Path("new.csv").read_text() == Path("run/predictions.csv").read_text()
    assert graphdam("predict", "run").sentence.startswith("run/predictions.csv exists: --overwrite")
    pairs = graphdam("predict", "run", "pairs.csv", "--overwrite")
    assert pairs.sentence.startswith("run tells nothing of pairs, and pairs.csv holds some")


def test_links_are_told_of_pairs(graphdam: Graphdam, quick: list[str], net: Path) -> None:
    options = [*quick, "--objective", "gae", "--out", "run"]
    assert graphdam("train", "--graph", net, *options).code == 0
    Path("pairs.csv").write_text("source,target,why\nn0,n2,near\nn1,n20,far\n")
    told = graphdam("predict", "run", "pairs.csv", "--out", "links.csv")
    assert told.code == 0, told.err
    assert "net: 2 pairs → links.csv" in told.out
    with Path("links.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["target"]) for row in rows] == [("n0", "n2"), ("n1", "n20")]
    assert all(0 <= float(row["probability"]) <= 1 for row in rows)
    none = graphdam("predict", "run")
    assert none.sentence == (
        "run tells something of pairs: name a .csv of them, with the columns source and target, as "
        "in graphdam predict run pairs.csv."
    )
    Path("pairs.csv").write_text("source,target\nn0,n99\n")
    unknown = graphdam("predict", "run", "pairs.csv")
    assert unknown.sentence.startswith("net has no node 'n99': its nodes are called n0, n1, n2, …")
    assert not Path("run/predictions.csv").exists()


@pytest.mark.parametrize(
    "options",
    [
        ["--dataset", "digits-images", "--model", "mlp", "--epochs", "2"],
        ["--dataset", "karate", "--objective", "dgi", "--epochs", "2"],
    ],
)
def test_what_a_run_cannot_tell_is_refused(graphdam: Graphdam, options: list[str]) -> None:
    options += ["--device", "cpu", "--threads", "1", "--out", "run"]
    assert graphdam("train", *options).code == 0
    refused = graphdam("predict", "run")
    assert refused.code == 1
    assert "and tells no classes of nodes: name one that was trained without" in refused.sentence
    assert not Path("run/predictions.csv").exists()
