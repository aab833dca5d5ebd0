"""Does `graphdam bench` run, go on, fail and list as it says?"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_bench import TINY, make_bench, make_cell

from graphdam import pipeline
from graphdam.bench import BENCHES, Bench, find_bench
from graphdam.report import read_record
from graphdam.training import Settings

Graphdam = Callable[..., Any]

ONE = ("bench", "tiny", "--jobs", "1", "--seeds", "1", "--out", "out")


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Callable[[Bench], None]:
    """Makes a bench known as `tiny`."""

    def name(bench: Bench) -> None:
        def build(*, quick: bool) -> Bench:
            return Bench("tiny", "For tests.", bench.cells[:1] if quick else bench.cells)

        monkeypatch.setitem(BENCHES, "tiny", build)

    name(TINY)
    return name


@pytest.mark.usefixtures("tiny")
def test_records_are_left_and_progress_is_shown(graphdam: Graphdam, tmp_path: Path) -> None:
    result = graphdam(*ONE)
    assert result.code == 0
    assert "2 of 2 cells are finished: out/records\n" in result.out
    assert "Next: graphdam report out --out out/report\n" in result.out
    assert "tiny: 2 cells, 2 runs\n" in result.err
    assert "1/2 gated seed 0: test " in result.err
    assert ", width 4, " in result.err
    assert " left\n" in result.err
    record = read_record(tmp_path / "out" / "records" / "gated.json")
    assert (record.seeds, record.widths) == ([0], [[4]])
    again = graphdam(*ONE)
    assert (again.code, again.out) == (0, result.out)
    assert again.err.strip() == "tiny: 2 cells, 2 runs, 2 finished before"


@pytest.mark.usefixtures("tiny")
def test_json_and_quiet(graphdam: Graphdam) -> None:
    result = graphdam(*ONE, "--only", "pl*", "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == {
        "bench": "tiny",
        "out": "out",
        "records": ["out/records/plain.json"],
        "failures": [],
    }
    assert graphdam(*ONE, "--quiet").err == ""


@pytest.mark.usefixtures("tiny")
def test_quick_has_two_seeds_and_a_folder_of_its_own(graphdam: Graphdam, tmp_path: Path) -> None:
    assert graphdam("bench", "tiny", "--quick", "--jobs", "1", "-q").code == 0
    records = tmp_path / "runs" / "bench-tiny-quick" / "records"
    assert [path.name for path in records.iterdir()] == ["gated.json"]
    assert read_record(records / "gated.json").seeds == [0, 1]


def test_a_failure_is_shown_and_exits_with_1(
    graphdam: Graphdam, tiny: Callable[[Bench], None]
) -> None:
    tiny(make_bench(make_cell("bad[0]", recipe="wide", lr=1e30), TINY.cells[1]))
    result = graphdam(*ONE)
    assert result.code == 1
    assert "1 of 2 cells are finished" in result.out
    assert "Failed: bad[0] seed 0: The loss of node-classification became " in result.out
    assert "The same command tries again what failed" in result.out
    assert "1/2 bad[0] seed 0: failed: The loss of node-classification became " in result.err
    document = json.loads(graphdam(*ONE, "--json").out)
    assert [failure["cell"] for failure in document["failures"]] == ["bad[0]"]


@pytest.mark.usefixtures("tiny")
def test_an_interruption_says_how_to_go_on(
    graphdam: Graphdam, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "run", stop)
        result = graphdam(*ONE, "-q")
    assert (result.code, result.sentence) == (130, "Interrupted: the same command goes on.")
    assert graphdam(*ONE, "-q").code == 0


def test_lists_train_nothing(graphdam: Graphdam, tmp_path: Path) -> None:
    benches = graphdam("bench", "--list")
    assert benches.code == 0
    assert [line.split()[0] for line in benches.out.splitlines()] == list(BENCHES)
    assert json.loads(graphdam("bench", "--list", "--json").out).keys() == BENCHES.keys()
    cells = graphdam("bench", "planetoid", "--list", "--only", "cora-gcn-wide*")
    assert cells.out == (
        "cora-gcn-wide       graphdam train --dataset cora --model gcn --recipe wide --threads 1 "
        "--seeds 10\n"
        "cora-gcn-wide-relu  graphdam train --dataset cora --model gcn --recipe wide --set "
        "act=relu --threads 1 --seeds 10\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["planetoids"],
            "Unknown bench 'planetoids': did you mean 'planetoid'? Known: "
            "dimensionality-reduction, embeddings, graphs, links, mnist-autoencoder, "
            "paper-graphs, planetoid, pruning, recommender, systems.",
        ),
        (
            [],
            "Which bench? Known: dimensionality-reduction, embeddings, graphs, links, "
            "mnist-autoencoder, paper-graphs, planetoid, pruning, recommender, systems.",
        ),
    ],
)
def test_wrong_names_are_one_sentence(
    graphdam: Graphdam, arguments: list[str], sentence: str
) -> None:
    result = graphdam("bench", *arguments)
    assert (result.code, result.out, result.sentence) == (1, "", sentence)


def test_cells_that_nobody_has_are_refused(graphdam: Graphdam) -> None:
    result = graphdam("bench", "links", "--only", "coral*")
    assert result.code == 1
    assert result.sentence.startswith("Unknown cell 'coral*'")


@pytest.mark.parametrize("arguments", [["--seeds", "0"], ["--jobs", "0"], ["--jobs", "all"]])
def test_wrong_numbers_are_wrong_usage(graphdam: Graphdam, arguments: list[str]) -> None:
    assert graphdam("bench", "planetoid", *arguments).code == 2


@pytest.mark.parametrize("name", [*BENCHES, "tiny"])
def test_a_cells_command_is_its_run(
    graphdam: Graphdam,
    monkeypatch: pytest.MonkeyPatch,
    tiny: Callable[[Bench], None],
    name: str,
) -> None:
    tiny(make_bench(make_cell("all", target_width=[4], norm=None, gate_output=True, v2=True)))
    received: list[Settings] = []

    class StopError(ValueError):
        pass

    def note(settings: Settings, *_: object, **__: object) -> None:
        received.append(settings)
        raise StopError

    monkeypatch.setattr(pipeline, "run", note)
    for cell in find_bench(name, quick=True).cells:
        for seeds in ([0, 1, 2], [5], [1, 4]):
            graphdam(*shlex.split(cell.command(seeds))[1:])
            assert received.pop() == cell.resolve(seeds)
