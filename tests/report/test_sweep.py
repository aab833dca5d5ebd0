"""Does every λ have its row, its width and its scores, and nothing that was not measured?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphdam.errors import RunFolderError
from graphdam.report import RunRecord, Scores, read_record, sweep

EXAMPLE = read_record(Path(__file__).parent / "example.json")


def swept(recipe: str, gate: str, weight: float, width: int, **fields: Any) -> RunRecord:
    about = {"recipe": recipe, "gate": gate, "penalty_weight": weight, "wide": None}
    about |= {"objective": "dgi", "widths": [[width]] * 3}
    return RunRecord.model_validate({**EXAMPLE.model_dump(), **about, **fields})


def test_the_table_by_hand() -> None:
    alone = {"recipe": "wide", "gate": None, "penalty_weight": None, "widths": [[256]] * 3}
    f1 = {"macro_f1": Scores.of("macro_f1", [0.7] * 3).model_dump()}
    auc = Scores.of("auc", [0.9] * 3).model_dump()
    records = [
        swept("paper", "dam", 1.0, 4),
        swept("l1", "l1", 0.3, 16),
        swept("paper", "dam", 0.1, 32, further=f1),
        swept("paper", "dam", 0.1, 8, objective="gae", test=auc, val=auc),
        RunRecord.model_validate({**swept("paper", "dam", 1.0, 4).model_dump(), **alone}),
    ]
    table = sweep(records)
    about, gae = ("Cora", "public", "GCN", "DGI"), ("Cora", "public", "GCN", "GAE")
    assert table.columns[6:] == (
        *("learnt width (embedding last)", "test accuracy (%)", "test macro-F1 (%)"),
        *("test AUC (%)", "seeds"),
    )
    assert table.rows == (
        (*about, "trained alone", "–", "256", "83.0 ± 1.0", "–", "–", "3"),
        (*about, "DAM (paper's recipe)", "0.1", "32", "83.0 ± 1.0", "70.0 ± 0.0", "–", "3"),
        (*about, "DAM (paper's recipe)", "1", "4", "83.0 ± 1.0", "–", "–", "3"),
        (*about, "L1 gate", "0.3", "16", "83.0 ± 1.0", "–", "–", "3"),
        (*gae, "DAM (paper's recipe)", "0.1", "8", "–", "–", "90.0 ± 0.0", "3"),
    )
    assert list(table.data[1][5:9]) == pytest.approx([0.1, 32, 0.83, 0.01])


def test_an_error_stands_as_it_is_beside_shares_in_percent() -> None:
    mse = {"mse": Scores.of("mse", [0.07, 0.08, 0.09]).model_dump()}
    explained = Scores.of("explained_variance", [0.7] * 3).model_dump()
    about = {"objective": "reconstruction", "test": explained, "val": explained, "further": mse}
    table = sweep([swept("paper", "dam", 1.0, 10, **about)])
    assert table.columns[6:] == (
        *("learnt width (embedding last)", "test explained variance (%)", "test MSE", "seeds"),
    )
    assert table.rows[0][6:] == ("10", "70.0 ± 0.0", "0.0800 ± 0.0100", "3")


def test_versions_are_refused() -> None:
    with pytest.raises(RunFolderError, match="are not put into one table"):
        sweep([EXAMPLE, EXAMPLE.model_copy(update={"graphdam_version": "0.2.0"})])
