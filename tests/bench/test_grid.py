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
    each = ["default", "wide", "wide-relu", "nested", "minge"]
    for method in ("narrow", "target", "taught", "nested"):
        each += [f"{method}-{width}" for width in (4, 8, 16, 32)]
    each += [f"{gate}-{weight}" for gate in ("l1", "l0") for weight in (0.5, 2, 8)]
    each += [f"paper-{weight}" for weight in (0.1, 0.3, 1)]
    assert sorted(names) == sorted(
        f"{data}-gcn-{one}" for data in ("cora", "citeseer", "pubmed") for one in each
    )


def test_quick_is_one_data_set_and_three_widths() -> None:
    cells = find_bench("planetoid", quick=True).cells
    assert {cell.settings["dataset"] for cell in cells} == {"cora"}
    widths = [cell.settings["target_width"] for cell in cells if "target" in cell.name]
    assert widths == [4, 8, 16]
    assert len(cells) == 9
    whole = {cell.name: cell for cell in find_bench("planetoid").cells}
    assert all(whole[cell.name] == cell for cell in cells)


def test_narrow_auto_encoders_are_as_published() -> None:
    cells = {cell.name: cell for cell in find_bench("links").cells}
    settings = cells["cora-gcn-vgae-narrow-32-16"].resolve([0])
    assert (settings.hidden_channels, settings.embedding_width, settings.gate) == (32, 16, None)


def test_a_narrow_embedding_is_no_narrower_inside_than_its_rival() -> None:
    cells = {cell.name: cell for cell in find_bench("embeddings").cells}
    ours = cells["cora-gcn-grace-target-8"].resolve([0])
    alone = cells["cora-gcn-grace-narrow-8"].resolve([0])
    assert ours.target_width == (alone.hidden_channels, alone.embedding_width) == (32, 8)


def test_autoencoders_differ_in_nothing_but_gate_and_penalty() -> None:
    for name in ("dimensionality-reduction", "mnist-autoencoder"):
        for cell in find_bench(name).cells:
            settings = cell.resolve([0])
            assert settings.reconstructs
            assert set(settings.changed()) <= {"penalty_weight"}
    cells = [cell.resolve([0]) for cell in find_bench("mnist-autoencoder").cells]
    weights = {s.penalty_weight for s in cells if s.recipe == "paper"}
    assert weights == {0.01, 0.1, 0.5, 1, 2, 5, 11}


def test_an_unknown_bench_names_the_known_ones() -> None:
    with pytest.raises(SettingsError) as error:
        find_bench("planetiod")
    assert str(error.value) == (
        "Unknown bench 'planetiod': did you mean 'planetoid'? Known: dimensionality-reduction, "
        "embeddings, graphs, links, mnist-autoencoder, paper-graphs, planetoid, pruning, "
        "recommender, systems."
    )


def test_only_takes_the_cells_that_fit() -> None:
    bench = find_bench("planetoid").only("cora-*-wide*")
    assert [cell.name for cell in bench.cells] == ["cora-gcn-wide", "cora-gcn-wide-relu"]
    with pytest.raises(SettingsError, match=r"Unknown cell 'coral-\*'.* A pattern may hold \*"):
        bench.only("coral-*")
    with pytest.raises(SettingsError) as error:
        find_bench("planetoid").only("cora-gcn-target-5")
    assert str(error.value) == (
        "Unknown cell 'cora-gcn-target-5': did you mean 'cora-gcn-target-8'? graphdam bench "
        "planetoid --list shows all 90. A pattern may hold * and ?."
    )


def test_only_takes_several_patterns_each_of_which_must_fit() -> None:
    bench = find_bench("planetoid").only("pubmed-gcn-wide,cora-*-wide")
    assert [cell.name for cell in bench.cells] == ["cora-gcn-wide", "pubmed-gcn-wide"]
    with pytest.raises(SettingsError, match=r"Unknown cell 'coral-\*'"):
        find_bench("planetoid").only("cora-*,coral-*")


def test_commands_name_seeds_that_are_no_range() -> None:
    cell = Cell("a", {"dataset": "cora", "target_width": 8})
    assert (
        cell.command([3]) == "graphdam train --dataset cora --target-width 8 --threads 1 --seed 3"
    )
    assert cell.command([0, 2]).endswith("--threads 1 --set 'seeds=[0, 2]'")
    less = Cell("b", {"dataset": "mnist", "max_parameters": 900, "precision": "bf16"})
    assert less.command([0]) == (
        "graphdam train --dataset mnist --max-parameters 900 --precision bf16 --threads 1 --seed 0"
    )


def test_a_cell_that_cuts_models_names_the_one_that_trains_them() -> None:
    for name in BENCHES:
        for quick in (False, True):
            bench = find_bench(name, quick=quick)
            cells = {cell.name: cell for cell in bench.cells}
            for cell in bench.cells:
                if cell.reduction is None:
                    assert cell.source is None
                    continue
                assert cell.source is not None
                source = cells[cell.source]
                assert source.reduction is None
                assert source.settings == cell.settings
                size = cell.reduction.width or cell.reduction.share
                assert cell.name.endswith(f"-{size}")


def test_a_pattern_brings_the_cells_whose_models_are_cut() -> None:
    bench = find_bench("embeddings").only("cora-gcn-dgi-pca-*")
    assert [cell.name for cell in bench.cells] == [
        "cora-gcn-dgi-wide",
        *(f"cora-gcn-dgi-pca-{width}" for width in (8, 16, 32)),
    ]
    command = bench.command(bench.cells[1], range(10))
    assert command == "graphdam bench embeddings --only cora-gcn-dgi-pca-8 --seeds 10"
    assert bench.command(bench.cells[0], [0]) == bench.cells[0].command([0])


def test_a_swept_recipe_has_a_cell_for_every_weight() -> None:
    cells = {cell.name: cell for cell in find_bench("paper-graphs").cells}
    settings = cells["pubmed-gcn-vgae-l1-0.03"].resolve([0])
    assert (settings.gate, settings.penalty_weight, settings.teacher) == ("l1", 0.03, False)
    assert (settings.start_width, settings.embedding_width) == (256, 128)


def test_pruning_is_about_images_and_slims_with_and_without_epochs_afterwards() -> None:
    cells = {cell.name: cell.resolve([0]) for cell in find_bench("pruning").cells}
    wheres = {"mnist-lenet5", "mnist-mlp", "cifar10-subset-preresnet", "cifar10-subset-vgg16"}
    for where in wheres:
        assert cells[f"{where}-default"].teacher
        assert cells[f"{where}-wide"].gate is None
        tuned, untuned = cells[f"{where}-l1-0.5"], cells[f"{where}-l1-untuned-0.5"]
        assert (tuned.precision == "bf16") is where.startswith("cifar")
        assert tuned.gate_end < untuned.gate_end == 1
        assert tuned.changed() | {"gate_end": 1.0} == untuned.changed()
    assert {name.rsplit("-", 1)[0] for name in cells if name.count("-") == 2} <= wheres
    # of 266,610 and 2,293,000
    assert cells["mnist-mlp-budget"].limits == {"parameters": 39_991}
    assert cells["mnist-lenet5-budget"].limits == {"multiply_adds": 229_300}
    # of 40,813,184 and 313,201,664
    assert cells["cifar10-subset-preresnet-budget"].limits == {"multiply_adds": 20_400_000}
    assert cells["cifar10-subset-vgg16-budget"].limits == {"multiply_adds": 156_600_000}
    assert len(cells) == 3 * 11 + 5 + 4
