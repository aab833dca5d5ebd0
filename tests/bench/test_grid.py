"""Is every bench made of valid cells, and does a wrong name say what there is?"""

from __future__ import annotations

import pytest

from graphdam.bench import BENCHES, Cell, find_bench
from graphdam.errors import SettingsError


@pytest.mark.parametrize("name", BENCHES)
@pytest.mark.parametrize("quick", [False, True])
def test_every_cell_of_every_bench_is_valid(name: str, quick: bool) -> None:
    bench = find_bench(name, quick=quick)
    assert bench.name == name
    names = [cell.name for cell in bench.cells]
    assert len(set(names)) == len(names)
    for cell in bench.cells:
        assert cell.resolve(range(3)).seeds == (0, 1, 2)
        assert cell.resolve([0]).threads == 1


def test_planetoid_holds_every_method_at_every_width() -> None:
    names = [cell.name for cell in find_bench("planetoid").cells]
    each = ["default", "wide", "wide-relu"]
    each += [f"{method}-{width}" for method in ("narrow", "target") for width in (4, 8, 16, 32)]
    assert names == [f"{data}-gcn-{one}" for data in ("cora", "citeseer", "pubmed") for one in each]


def test_quick_is_one_data_set_and_three_widths() -> None:
    cells = find_bench("planetoid", quick=True).cells
    assert {cell.settings["dataset"] for cell in cells} == {"cora"}
    widths = [cell.settings["target_width"] for cell in cells if "target" in cell.name]
    assert widths == [4, 8, 16]
    whole = {cell.name: cell for cell in find_bench("planetoid").cells}
    assert all(whole[cell.name] == cell for cell in cells)


def test_narrow_auto_encoders_are_as_published() -> None:
    cells = {cell.name: cell for cell in find_bench("links").cells}
    settings = cells["cora-gcn-vgae-narrow-32-16"].resolve([0])
    assert (settings.hidden_channels, settings.embedding_width, settings.gate) == (32, 16, None)


def test_an_unknown_bench_names_the_known_ones() -> None:
    with pytest.raises(SettingsError) as error:
        find_bench("planetiod")
    assert str(error.value) == (
        "Unknown bench 'planetiod': did you mean 'planetoid'? Known: embeddings, links, planetoid."
    )


def test_only_takes_the_cells_that_fit() -> None:
    bench = find_bench("planetoid").only("cora-*-wide*")
    assert [cell.name for cell in bench.cells] == ["cora-gcn-wide", "cora-gcn-wide-relu"]
    with pytest.raises(SettingsError, match=r"Unknown cell 'coral-\*'.* A pattern may hold \*"):
        bench.only("coral-*")


def test_commands_name_seeds_that_are_no_range() -> None:
    cell = Cell("a", {"dataset": "cora", "target_width": 8})
    assert (
        cell.command([3]) == "graphdam train --dataset cora --target-width 8 --threads 1 --seed 3"
    )
    assert cell.command([0, 2]).endswith("--threads 1 --set 'seeds=[0, 2]'")
