"""Are published figures held against the right records, and is it said what was reached?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import Reference, RunRecord, Scores, read_record, read_references, reproduction

EXAMPLE = read_record(Path(__file__).parent / "example.json")
COMMITTED = Path(__file__).resolve().parents[2] / "benchmarks" / "references.json"


def wide(*test: float, width: int = 256, **fields: Any) -> RunRecord:
    alone = {"recipe": "wide", "gate": None, "wide": None, "latency": None}
    whole = {"widths": [[width]] * 3, "start_widths": [width]}
    scores = {"test": Scores.of("accuracy", test).model_dump()}
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **alone, **whole, **scores, **fields})


def reference(**fields: Any) -> Reference:
    about: dict[str, Any] = {
        "dataset": "cora",
        "split": "public",
        "model": "gcn",
        "metric": "accuracy",
    }
    about |= {"objective": "node-classification", "mean": 80.0, "source": "Somebody"}
    return Reference.model_validate({**about, **fields})


@pytest.mark.parametrize(
    ("test", "std", "reached"),
    [
        (0.80, None, "within a point"),
        (0.79, None, "within a point"),
        (0.789, None, "no, below by more than a point"),
        (0.811, None, "above by more than a point"),
        (0.805, 0.5, "within their deviation"),
        (0.794, 0.5, "no, below by more than their deviation"),
        (0.806, 0.5, "above by more than their deviation"),
    ],
)
def test_what_counts_as_reached(test: float, std: float | None, reached: str) -> None:
    table = reproduction([wide(test, test, test)], [reference(std=std)])
    assert table.rows[0][table.columns.index("reached")] == reached


def test_the_table_by_hand() -> None:
    records = [EXAMPLE, wide(0.81, 0.82, 0.83), wide(0.78, 0.79, 0.80, width=16)]
    references = [
        reference(std=0.5, widths=[16]),
        reference(dataset="pubmed"),  # no record: no row
        reference(metric="macro_f1"),  # a score that no record holds
    ]
    table = reproduction(records, references)
    assert table.rows == (
        (
            *("Cora", "GCN", "Somebody", "accuracy", "80.0 ± 0.5", "82.0 ± 1.0 at 256", "+2.0"),
            *("above by more than their deviation", "79.0 ± 1.0 at 16"),
        ),
    )
    assert list(table.data[0][-4:]) == pytest.approx([0.8, 0.005, 0.82, 0.02])


def test_further_scores_have_references_too() -> None:
    scores = {"average_precision": Scores.of("average_precision", [0.9] * 3).model_dump()}
    record = wide(0.8, 0.8, 0.8, objective="vgae", further=scores)
    [row] = reproduction(
        [record], [reference(objective="vgae", metric="average_precision", mean=92.6)]
    ).rows
    assert row[1] == "GCN, VGAE"
    assert row[3:7] == ("average precision", "92.6", "90.0 ± 0.0 at 256", "−2.6")


def test_other_settings_and_versions_stay_apart() -> None:
    random = wide(0.9, 0.9, 0.9, split="random")
    assert reproduction([random], [reference()]).rows == ()
    assert reproduction([wide(0.8, 0.8, 0.8, model="gat")], [reference()]).rows == ()
    with pytest.raises(RunFolderError, match="are not put into one table"):
        reproduction([random, wide(0.8, 0.8, 0.8, graphdam_version="0.2.0")], [reference()])


def test_the_committed_references_name_their_sources() -> None:
    references = read_references(COMMITTED)
    assert len({(one.source, one.dataset, one.metric) for one in references}) == len(references)
    assert {one.dataset for one in references} == {"cora", "citeseer", "pubmed"}


def test_a_spoilt_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "references.json"
    with pytest.raises(RunFolderError, match="cannot be read"):
        read_references(file)
    file.write_text('[{"dataset": "cora"}]', encoding="utf-8")
    with pytest.raises(RunFolderError, match=r"not valid: '0\.split': is missing .* Mend that"):
        read_references(file)
