"""Do the measurements of scale name what they measure, and do estimates hold what was measured?"""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from benchmark_script import load_script

scale, report, synthetic = map(load_script, ("scale", "scale_report", "synthetic"))


def test_degrees_follow_a_power_law() -> None:
    graph = synthetic.power_law_graph(20_000, 200_000, num_features=4, num_classes=3)
    source, target = graph.edge_index
    assert graph.num_edges == pytest.approx(200_000, rel=0.05)
    assert torch.equal(
        (source * 20_000 + target).sort().values, (target * 20_000 + source).sort().values
    )
    degree = np.bincount(source.numpy(), minlength=20_000)
    at = np.array([16, 32, 64, 128])
    above = np.array([(degree >= each).sum() for each in at])
    # as many nodes have degree d or more as d^(1 − exponent) says
    assert report.slope(at, above) == pytest.approx(1 - synthetic.EXPONENT, abs=0.35)
    again = synthetic.power_law_graph(20_000, 200_000, num_features=4, num_classes=3)
    assert torch.equal(graph.edge_index, again.edge_index)
    assert torch.equal(graph.dense_x(), again.dense_x())


def test_every_measurement_has_a_name_of_its_own_and_valid_settings() -> None:
    cells = scale.cells()
    assert len({cell.name for cell in cells}) == len(cells)
    for cell in cells:
        if cell.what.startswith("train"):
            assert cell.settings.hidden_channels == cell.width


@pytest.mark.parametrize("what", ["train-whole", "train-clusters", "infer-wide", "infer-turns"])
def test_a_small_measurement_finds_time_and_memory(what: str) -> None:
    found = scale.measure(scale.Cell(what, 400, 4000, 8))
    assert found["seconds"] > 0
    assert found["peak_gib"] > 0.1
    assert ("ratio" in found) == (what == "infer-turns")


def test_lines_hold_what_differs_in_one_size_only() -> None:
    found = [{**scale.asdict(cell), "name": cell.name} for cell in scale.cells()]
    nodes = report.sweep(found, "infer-wide", "nodes")
    assert [cell["nodes"] for cell in nodes] == list(scale.SIZES)
    assert {cell["width"] for cell in nodes} == {256}
    widths = report.sweep(found, "infer-wide", "width")
    assert [cell["width"] for cell in widths] == [64, 128, 256, 512]
    assert [cell["edges"] for cell in report.sweep(found, "train-whole", "edges")] == [
        *(500_000, 1_000_000, 2_000_000, 4_000_000)
    ]


def test_estimates_hold_what_was_measured() -> None:
    cells = json.loads(scale.CELLS.read_text())["cells"].values()
    estimated = [cell for cell in cells if "estimate_gib" in cell]
    assert len(estimated) > 5
    for cell in estimated:
        assert cell["peak_gib"] <= cell["estimate_gib"] <= 3 * cell["peak_gib"], cell
