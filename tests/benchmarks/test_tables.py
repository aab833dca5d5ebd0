"""Do the pages say what the records under benchmarks/results say?"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from benchmark_script import ROOT, load_script

from graphdam.errors import DataError, RunFolderError

EXAMPLE = ROOT / "tests" / "report" / "example.json"


tables = load_script("tables")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    shutil.copy(EXAMPLE, results / "cora-gcn-default.json")
    wide = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    wide |= {"recipe": "wide", "gate": None, "wide": None, "latency": None}
    wide["widths"] = [[256]] * 3
    (results / "cora-gcn-wide.json").write_text(json.dumps(wide), encoding="utf-8")
    speed = {
        "title": "One inference",
        "columns": ["layer", "ms", "ratio"],
        "rows": [["sparse", 0.3118, 53], ["dense", 16.4, 1]],
        "caption": "One thread.",
        "device": "cpu",
    }
    (results / "speed-cpu.json").write_text(json.dumps(speed), encoding="utf-8")
    (tmp_path / "benchmarks" / "README.md").write_text("# Benchmarks\n", encoding="utf-8")
    return tmp_path


def page(*names: str) -> str:
    blocks = [f"<!-- table:{name} -->\nold\n<!-- /table -->\n" for name in names]
    return "# graphdam\n\nbefore\n\n" + "\nbetween\n\n".join(blocks) + "\nafter\n"


ALL = (
    "before-after:cora-gcn-default",
    "caption:cora-gcn-default",
    "comparison:*-gcn-*",
    "speed:speed-cpu",
)


@pytest.mark.parametrize("path", ["README.md", "benchmarks/README.md"])
def test_committed_pages_are_fresh(path: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert tables.renew(text, results=ROOT / "benchmarks" / "results", page=path).fresh == text


def test_committed_figures_are_fresh() -> None:
    folder, results = ROOT / "benchmarks" / "figures", ROOT / "benchmarks" / "results"
    assert tables.stale_figures(tables.FIGURES, folder, results=results, write=False) == []
    assert {file.name for file in folder.iterdir()} == set(tables.FIGURES)


def test_figures_are_drawn_once_and_then_stay(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkout / "README.md").write_text("# graphdam\n", encoding="utf-8")
    figures, drawn = {"cora.png": "cora-gcn-*"}, checkout / "benchmarks" / "figures" / "cora.png"
    assert tables.main(["--check"], root=checkout, figures=figures) == 1
    assert "benchmarks/figures/cora.png is stale" in capsys.readouterr().out
    assert not drawn.exists()
    assert tables.main([], root=checkout, figures=figures) == 0
    once = drawn.read_bytes()
    assert tables.main(["--check"], root=checkout, figures=figures) == 0
    drawn.write_bytes(b"another picture")
    assert tables.main([], root=checkout, figures=figures) == 0
    assert drawn.read_bytes() == once
    assert tables.main(["--check"], root=checkout, figures={"no.png": "nothing-*"}) == 2


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks" / "results").rglob("*.json")), ids=str)
def test_records_name_no_folder_of_the_machine_that_made_them(file: Path) -> None:
    command = json.loads(file.read_text(encoding="utf-8")).get("command", "")
    assert not any(Path(word).is_absolute() for word in command.split())


def test_blocks_are_written_once_and_then_stay(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = checkout / "README.md"
    readme.write_text(page(*ALL), encoding="utf-8")
    assert tables.main(["--check"], root=checkout, figures={}) == 1
    said = capsys.readouterr().out
    assert [f"README.md: table:{name} is stale" in said for name in ALL] == [True] * 4
    assert "Run `python benchmarks/tables.py`" in said
    assert readme.read_text(encoding="utf-8") == page(*ALL), "--check must write nothing"

    assert tables.main([], root=checkout, figures={}) == 0
    once = readme.read_bytes()
    assert tables.main([], root=checkout, figures={}) == 0
    assert readme.read_bytes() == once
    assert tables.main(["--check"], root=checkout, figures={}) == 0

    text = once.decode()
    assert text.startswith(
        "# graphdam\n\nbefore\n\n<!-- table:before-after:cora-gcn-default -->\n\n|"
    )
    assert text.endswith("<!-- /table -->\n\nafter\n")
    assert "old" not in text
    assert text.count("\nbetween\n") == 3
    assert "of the output's scale, the largest of 3 seeds." in text
    assert "| Cora     | GCN   | trained alone |" in text
    assert "**One inference**" in text
    assert "| sparse | 0.3118 |    53 |" in text


def test_only_the_changed_block_is_stale(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = checkout / "README.md"
    readme.write_text(page(*ALL), encoding="utf-8")
    tables.main([], root=checkout, figures={})
    readme.write_text(readme.read_text(encoding="utf-8").replace("0.3118", "0.2"), encoding="utf-8")
    capsys.readouterr()
    assert tables.main(["--check"], root=checkout, figures={}) == 1
    assert capsys.readouterr().out.splitlines()[0] == "README.md: table:speed:speed-cpu is stale"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (page("befor-after:x"), "Unknown table 'befor-after:x': did you mean 'before-after:…'"),
        (page("caption"), "Unknown table 'caption'"),
        (page("caption:cora-gcn-defaut"), "did you mean 'cora-gcn-default'"),
        (page("comparison:nothing-*"), r"Unknown record 'nothing-\*'.* lie under benchmarks"),
        ("<!-- table:caption:a -->\n", "table 'caption:a' is never closed. Close it with a line"),
        ("x\n<!-- /table -->\n", "line 2: '<!-- /table -->' closes no table. Remove it"),
        (
            "<!-- table:caption:a -->\n<!-- table:caption:b -->\n",
            "line 2: table 'caption:a' is still",
        ),
        (page("speed:cora-gcn-default"), "is no speed record"),
    ],
)
def test_wrong_pages_are_refused(checkout: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tables.renew(text, results=checkout / "benchmarks" / "results", page="README.md")


def test_a_speed_record_is_no_run_record(checkout: Path) -> None:
    with pytest.raises(RunFolderError, match=r"speed-cpu\.json has no format"):
        tables.render("caption:speed-cpu", results=checkout / "benchmarks" / "results")


def test_errors_are_one_line_and_code_2(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tables.main([], root=checkout, figures={}) == 2
    assert "README.md cannot be read" in capsys.readouterr().err


def test_names_inside_a_sentence_are_no_markers(checkout: Path) -> None:
    text = "A block starts with `<!-- table:NAME -->` and ends with `<!-- /table -->`.\n"
    assert tables.renew(text, results=checkout, page="README.md").fresh == text


def test_stranded_runs_are_counted_against_the_same_seed(checkout: Path) -> None:
    results = checkout / "benchmarks" / "results"
    wide = json.loads((results / "cora-gcn-wide.json").read_text(encoding="utf-8"))
    values = json.loads(EXAMPLE.read_text(encoding="utf-8"))["test"]["values"]
    higher = [values[0] + 0.025, values[1] + 0.01, values[2] - 0.01]
    mean = sum(higher) / 3
    std = (sum((value - mean) ** 2 for value in higher) / 2) ** 0.5
    wide["test"] = {"metric": "accuracy", "mean": mean, "std": std, "values": higher}
    (results / "cora-gcn-wide.json").write_text(json.dumps(wide), encoding="utf-8")
    assert tables.render("stranding:cora-*", results=results) == (
        "3 taught runs: 1 more than 2 points below the wide model that was trained alone under "
        "the same seed, 2 below it at all; the worst is cora (public split), gcn, seed 0, 2.5 "
        "points below."
    )
    with pytest.raises(DataError, match="No taught run has a wide one beside it"):
        tables.render("stranding:cora-gcn-default", results=results)
