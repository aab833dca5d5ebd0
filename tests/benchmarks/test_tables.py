"""Do the pages say what the records under benchmarks/results say?"""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
from pathlib import Path

import pytest
from benchmark_script import ROOT, load_script

from graphdam.bench import BENCHES, find_bench
from graphdam.errors import DataError, RunFolderError

EXAMPLE = ROOT / "tests" / "report" / "example.json"
SECTIONS = ROOT / "benchmarks" / "sections"


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
    pages = [(ROOT / page).read_text(encoding="utf-8") for page in tables.PAGES]
    shown = tables.shown_figures(pages, tables.FIGURES)
    assert tables.stale_figures(shown, folder, results=results, write=False) == []
    assert {file.name for file in folder.iterdir()} == set(shown)


def cells() -> list[str]:
    """Every cell of every bench, as a pattern names it."""
    return [f"{name}/{cell.name}" for name in BENCHES for cell in find_bench(name).cells]


@pytest.mark.parametrize("name", tables.FIGURES)
def test_every_figure_is_of_a_bench(name: str) -> None:
    # also those that no page shows yet, because their records are still to come
    assert fnmatch.filter(cells(), tables.FIGURES[name].records)


OF_SCRIPTS = ("torch-pruning",)
"""Records of scripts beside the benches, for which sections wait."""


@pytest.mark.parametrize("file", sorted(SECTIONS.glob("*.md")), ids=lambda file: file.stem)
def test_every_section_is_of_a_bench_and_shows_what_there_is(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    named = re.findall(r"\{\{\w+:(\S+)\}\}", text) + re.findall(r"<!-- needs (\S+) -->", text)
    assert len(named) > 3
    for pattern in ",".join(named).split(","):
        assert fnmatch.filter([*cells(), *OF_SCRIPTS], pattern), pattern
    assert tables.shown_figures([text], tables.FIGURES)


def test_figures_are_drawn_once_and_then_stay(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = "![Cora](benchmarks/figures/cora.png)\n"
    (checkout / "README.md").write_text(page, encoding="utf-8")
    figures = {
        "cora.png": tables.Frontier("cora-gcn-*", against="multiply-adds"),
        "later.png": tables.Frontier("nothing-*"),  # no page shows it
    }
    drawn = checkout / "benchmarks" / "figures" / "cora.png"
    assert tables.main(["--check"], root=checkout, figures=figures) == 1
    assert "benchmarks/figures/cora.png is stale" in capsys.readouterr().out
    assert not drawn.exists()
    assert tables.main([], root=checkout, figures=figures) == 0
    once = drawn.read_bytes()
    assert tables.main(["--check"], root=checkout, figures=figures) == 0
    drawn.write_bytes(b"another picture")
    assert tables.main([], root=checkout, figures=figures) == 0
    assert drawn.read_bytes() == once
    assert not (drawn.parent / "later.png").exists()
    capsys.readouterr()
    wrong = {"cora.png": tables.Frontier("nothing-*")}
    assert tables.main(["--check"], root=checkout, figures=wrong) == 2
    assert "Unknown record 'nothing-*'" in capsys.readouterr().err
    assert tables.main(["--check"], root=checkout, figures={}) == 2
    assert "Unknown figure 'cora.png'" in capsys.readouterr().err


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


def section(checkout: Path, text: str) -> str:
    file = checkout / "benchmarks" / "sections" / "cora.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    rendered = tables.render("section:cora", results=checkout / "benchmarks" / "results")
    assert isinstance(rendered, str)
    return rendered


def test_a_section_shows_the_parts_whose_records_are_there(checkout: Path) -> None:
    head, first = "## Cora\n\nText.", "### GCN\n\n{{caption:cora-gcn-default}}"

    def shown(one: str, two: str) -> str:
        needs = [f"<!-- needs {pattern} -->" for pattern in (one, two)]
        return section(checkout, "\n\n".join([head, needs[0], first, needs[1], "### GAT\n"]))

    caption = tables.render("caption:cora-gcn-default", results=checkout / "benchmarks" / "results")
    expected = f"{head}\n\n### GCN\n\n{caption}"
    assert shown("cora-gcn-*", "cora-gat-*") == expected
    assert shown("cora-gcn-*", "cora-gcn-wide") == f"{expected}\n\n### GAT"
    # every pattern of a part must have a record
    assert shown("cora-gcn-*,cora-gat-*", "cora-gat-*") == ""


def test_a_section_without_records_leaves_no_trace_on_its_page(checkout: Path) -> None:
    section(checkout, "## Cora\n\n<!-- needs nothing-* -->\n\n### GCN\n")
    text, results = page("section:cora"), checkout / "benchmarks" / "results"
    fresh = tables.renew(text, results=results, page="README.md").fresh
    assert "<!-- table:section:cora -->\n<!-- /table -->\n" in fresh
    assert tables.renew(fresh, results=results, page="README.md").stale == ()
    with pytest.raises(DataError, match="Unknown section 'core': did you mean 'cora'"):
        tables.render("section:core", results=results)


def test_every_kind_of_table_has_its_caption(checkout: Path) -> None:
    results = checkout / "benchmarks" / "results"
    own = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    own |= {"changed": {"target_width": [8]}, "widths": [[8]] * 3, "start_widths": [64]}
    (results / "cora-gcn-target-8.json").write_text(json.dumps(own), encoding="utf-8")
    references = [
        {
            "dataset": "cora",
            "split": "public",
            "model": "gcn",
            "metric": "accuracy",
            "objective": "node-classification",
            "mean": 82.5,
            "source": "Somebody",
        }
    ]
    file = results.parent / "references.json"
    file.write_text(json.dumps(references), encoding="utf-8")
    shown = {
        kind: tables.render(f"{kind}:cora-gcn-*", results=results)
        for kind in ("frontier", "summary", "sweep", "reproduction", "hours")
    }
    for kind in ("frontier", "summary", "sweep"):
        assert "Split: public." in shown[kind], kind
        assert "graphdam 0.1.0, python 3.11.7, torch 2.13.0; cpu, 1 thread" in shown[kind]
    assert "compared at the smallest of these widths" in shown["frontier"]
    assert "paired t-test" in shown["frontier"]
    assert "paired t-test" not in shown["sweep"]
    assert "| Somebody |" in shown["reproduction"]
    assert "| results |" in shown["hours"]  # a bench is the folder of its records


def test_runs_that_met_something_are_named_below_their_table(checkout: Path) -> None:
    results = checkout / "benchmarks" / "results"
    text = tables.render("comparison:cora-gcn-default", results=results)
    assert text.endswith("width 8–12: An example for the tests: its numbers are made up.")


def test_mixed_versions_are_refused_and_splits_keep_rows_of_their_own(checkout: Path) -> None:
    results = checkout / "benchmarks" / "results"
    other = json.loads(EXAMPLE.read_text(encoding="utf-8")) | {"split": "random"}
    (results / "cora-gcn-random.json").write_text(json.dumps(other), encoding="utf-8")
    rows = tables.render("comparison:cora-gcn-*", results=results).splitlines()
    [random] = [row for row in rows if row.rstrip(" |").endswith("random")]
    assert random.split("|")[-4].strip() == "–"  # no wide model of its own split to differ from
    (results / "cora-gcn-random.json").write_text(
        json.dumps(other | {"graphdam_version": "0.2.0"}), encoding="utf-8"
    )
    for kind in ("comparison", "frontier", "summary", "sweep"):
        with pytest.raises(RunFolderError, match=r"are not (put into one table|held against)"):
            tables.render(f"{kind}:cora-gcn-*", results=results)


def test_a_cell_that_failed_has_a_row_in_its_table(checkout: Path) -> None:
    results = checkout / "benchmarks" / "results"
    plan = {"dataset": "cora", "split": "public", "model": "gcn", "command": "x", "seeds": [0]}
    plan["objective"] = "node-classification"
    failure = {"name": "cora-gcn-l1", "plan": plan, "graphdam_version": "0.1.0"}
    failures = {"cora-gcn-l1": failure | {"reason": "1 of 1 seeds failed; seed 0: NaN."}}
    (results / "failures.json").write_text(json.dumps(failures), encoding="utf-8")
    text = tables.render("comparison:cora-gcn-*", results=results)
    assert "seed 0: NaN. |" in text
    assert "missing because" in text
    assert "NaN" not in tables.render("comparison:cora-gcn-d*", results=results)
    (results / "failures.json").write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="is no list of failed cells"):
        tables.render("comparison:cora-gcn-*", results=results)
