"""Is what Torch-Pruning cuts as cheap as asked, and does the table tell what was found?"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from benchmark_script import load_script

from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.nn import ImageModel

script = load_script("against_torch_pruning")

NETS = {
    "lenet5": ({"in_channels": 1, "image_size": 28}, (1, 28, 28)),
    "preresnet": ({"in_channels": 3, "depth": 20, "out_channels": 10}, (3, 32, 32)),
}


@pytest.mark.parametrize("is_global", [True, False])
@pytest.mark.parametrize("kind", sorted(NETS))
def test_a_cut_costs_at_most_what_it_may_and_hardly_less(kind: str, is_global: bool) -> None:
    pytest.importorskip("torch_pruning")
    arguments, shape = NETS[kind]
    torch.manual_seed(0)
    wide = ImageModel.wide(kind, arguments, shape).eval()
    example = torch.zeros(1, *shape)
    whole = module_multiply_adds(wide.net, example)
    before = wide.net(torch.ones(2, *shape))
    small = script.cut_to(wide.net, example, whole // 4, is_global=is_global)
    left = module_multiply_adds(small, example)
    assert whole // 6 < left <= whole // 4
    assert small(torch.ones(2, *shape)).shape == (2, 10)
    assert torch.equal(wide.net(torch.ones(2, *shape)), before)  # the wide model is left alone


def test_a_run_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script, "RESULT", tmp_path / "result.json")
    monkeypatch.setattr(sys, "argv", ["against_torch_pruning.py", "--runs", str(tmp_path)])
    assert script.main() == 2
    message = capsys.readouterr().err
    assert "is no finished run: python benchmarks/records.py pruning --only mnist-lenet5-wide" in (
        message
    )
    assert not (tmp_path / "result.json").exists()


def test_the_table_tells_cost_and_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "version", lambda name: "1.2.3")
    runs = [{"seed": seed, "test": 90.0 + seed, "multiply_adds": 250} for seed in (0, 1, 2)]
    found = [{"model": "mnist-mlp", "method": "some", "wide": [1000] * 3, "runs": runs}]
    table = script.table(found, range(3))
    assert table["rows"] == [["mnist-mlp", "some", "25.0", "91.0 ± 1.0"]]
    assert "1.2.3" in str(table["caption"])
    assert json.loads(json.dumps(table)) == table
