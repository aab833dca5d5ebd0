"""Does a run leave a record that is true, and a folder in which nothing is pickled?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev

import pytest
import torch
from sklearn.metrics import accuracy_score

from graphdam import seed_run
from graphdam.data import AnyData, load_graph
from graphdam.errors import GraphDamError, InexactError, RunFolderError, SettingsError
from graphdam.nn import GCN, Encoder
from graphdam.pipeline import Observer, run
from graphdam.report import HistoryLine, read_history, read_record
from graphdam.seed_run import SeedResult
from graphdam.training import Settings

MakeSettings = Callable[..., Settings]


def accuracy_of(encoder: Encoder, split: str) -> float:
    graph = load_graph("karate")
    with torch.no_grad():
        predicted = encoder(graph.x, graph.edge_index).argmax(1)
    mask = graph.mask(split)  # type: ignore[arg-type]
    return float(accuracy_score(graph.y[mask].numpy(), predicted[mask].numpy()))


def test_the_record_has_the_fields_that_were_promised(finished: Path) -> None:
    content = json.loads((finished / "result.json").read_text())
    promised = [
        "graphdam_version",
        "dataset",
        "split",
        "model",
        "objective",
        "recipe",
        "gate",
        "seeds",
        "val",
        "test",
        "wide",
        "start_widths",
        "widths",
        "parameters",
        "multiply_adds",
        "deviation",
        "seconds",
        "device",
        "threads",
        "versions",
    ]
    assert set(promised) <= set(content)
    for part in (content["val"], content["test"], content["wide"]["val"], content["wide"]["test"]):
        assert part.keys() == {"metric", "mean", "std", "values"}
        assert part["mean"] == pytest.approx(fmean(part["values"]))
        assert part["std"] == pytest.approx(stdev(part["values"]))


def test_the_record_says_what_was_run(finished: Path) -> None:
    record = read_record(finished)
    assert (record.dataset, record.split, record.model) == ("karate", "seeded", "gcn")
    assert (record.recipe, record.gate, record.objective) == (
        "default",
        "dam",
        "node-classification",
    )
    assert record.seeds == [0, 1, 2]
    assert record.start_widths == [16]
    assert record.widths == [[5]] * 3
    assert record.threads == 1
    assert record.device == "cpu"
    assert record.versions["torch"] == torch.__version__
    assert record.selected_epochs is not None
    assert all(6 <= epoch < 12 for epoch in record.selected_epochs)
    assert record.selection == (
        "The best epoch on validation from 6 on, when the width is final (ties: lower loss); test "
        "read once."
    )


def test_the_records_numbers_are_those_of_the_saved_model(finished: Path) -> None:
    record = read_record(finished)
    encoder = GCN.from_pretrained(finished / "model")
    at = record.seeds.index(record.model_seed)
    assert accuracy_of(encoder, "val") == record.val.values[at]
    assert accuracy_of(encoder, "test") == record.test.values[at]
    assert record.val.values[at] == max(record.val.values)
    assert encoder.widths == record.widths[at]
    assert record.parameters[at] == sum(p.numel() for p in encoder.parameters())
    # 34 one-hot features, 156 + 34 messages, 5 hidden channels, 4 classes
    assert record.multiply_adds[at] == (34 * 34 + 190) * 5 + (34 * 5 + 190) * 4
    assert record.wide is not None
    assert record.wide.widths == [32]
    assert record.wide.parameters == 34 * 32 + 32 + 32 * 4 + 4
    assert record.wide.multiply_adds == (34 * 34 + 190) * 32 + (34 * 32 + 190) * 4


def test_outputs_are_the_same_and_the_latency_is_a_ratio(finished: Path) -> None:
    record = read_record(finished)
    assert 0 <= record.deviation <= 1e-5
    assert record.latency is not None
    assert record.latency.ratio == pytest.approx(record.latency.wide_ms / record.latency.compact_ms)


def test_the_history_has_a_line_for_every_epoch_and_seed(finished: Path) -> None:
    lines = read_history(finished)
    expected = [(seed, epoch) for seed in range(3) for epoch in range(12)]
    assert [(line.seed, line.epoch) for line in lines] == expected
    record = read_record(finished)
    assert record.selected_epochs is not None
    for at, epoch in enumerate(record.selected_epochs):
        assert lines[12 * at + epoch].val == pytest.approx(record.val.values[at])


def test_nothing_in_a_run_folder_is_pickled(finished: Path) -> None:
    found = [path for path in finished.rglob("*") if path.is_file()]
    assert {path.suffix for path in found} == {".json", ".jsonl", ".safetensors", ".png"}
    assert {path.relative_to(finished).parts[0] for path in found} == {
        "settings.json",
        "history.jsonl",
        "result.json",
        "model",
        "figures",
    }
    for path in found:
        assert not path.read_bytes().startswith((b"\x80\x02", b"\x80\x04", b"PK"))


@pytest.mark.parametrize("given", [{"model": "graphsage"}, {"model": "gat", "target_width": (8,)}])
def test_other_models_leave_a_run_that_loads(
    quick: MakeSettings, tmp_path: Path, given: dict[str, object]
) -> None:
    record = run(quick(**given), tmp_path / "run")
    encoder = Encoder.from_pretrained(tmp_path / "run" / "model")
    assert encoder.widths == record.widths[0]
    assert accuracy_of(encoder, "test") == record.test.values[0]


def test_a_wide_model_that_was_handed_back_is_a_run_like_any_other(
    quick: MakeSettings, tmp_path: Path
) -> None:
    given = {"dataset": "sbm", "epochs": 40, "gated_lr": 1e-6, "target_width": None}
    record = run(quick(**given, seeds=(0, 1)), tmp_path / "run")
    assert record.wide is not None
    assert record.widths == [record.wide.widths] * 2 == [[32], [32]]
    assert record.test == record.wide.test
    assert record.val == record.wide.val
    assert record.parameters == [record.wide.parameters] * 2
    assert record.prefixes == [[], []]
    assert len(record.notes) == 1
    assert record.notes[0].startswith("seeds 0, 1: ")
    assert read_record(tmp_path / "run") == record
    assert Encoder.from_pretrained(tmp_path / "run" / "model").widths == [32]


def test_channels_without_an_order_have_no_prefixes(quick: MakeSettings, tmp_path: Path) -> None:
    record = run(quick("l1", target_width=None), tmp_path / "run")
    assert record.gate == "l1"
    assert record.prefixes == [[]]


def test_the_wide_recipe_has_no_wide_model_to_be_held_against(
    quick: MakeSettings, tmp_path: Path
) -> None:
    record = run(quick("wide", target_width=None), tmp_path / "run")
    assert record.wide is None
    assert record.latency is None
    assert record.gate is None
    assert record.deviation == 0
    assert record.widths == [record.start_widths] == [[32]]


def test_the_selection_names_an_epoch_that_exists(quick: MakeSettings, tmp_path: Path) -> None:
    record = run(quick(gate_end=1.0, target_width=None), tmp_path / "run")
    assert record.selected_epochs == [11]
    assert "from 12 on" not in record.selection


def test_observers_hear_of_everything_in_order(quick: MakeSettings, tmp_path: Path) -> None:
    heard: list[object] = []

    def on_data(data: AnyData, device: torch.device, threads: int) -> None:
        heard.append((data.name, str(device), threads))

    def on_epoch(line: HistoryLine) -> None:
        heard.append((line.seed, line.epoch))

    def on_seed(result: SeedResult) -> None:
        heard.append(result.seed)

    run(
        quick(epochs=2, seeds=(4, 3)),
        tmp_path / "run",
        observer=Observer(data=on_data, epoch=on_epoch, seed=on_seed),
    )
    assert heard == [("karate", "cpu", 1), (4, 0), (4, 1), 4, (3, 0), (3, 1), 3]


def test_a_seed_repeats_alone(quick: MakeSettings, finished: Path, tmp_path: Path) -> None:
    alone, among = run(quick(seeds=(2,)), tmp_path / "run"), read_record(finished)
    assert alone.test.values[0] == among.test.values[2]
    assert alone.val.values[0] == among.val.values[2]
    assert alone.wide is not None
    assert among.wide is not None
    assert alone.wide.test.values[0] == among.wide.test.values[2]
    history = read_history(finished)[24:]
    assert [line.loss for line in read_history(tmp_path / "run")] == [line.loss for line in history]


def test_the_callers_threads_and_generator_are_left_as_they_were(
    quick: MakeSettings, tmp_path: Path
) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    torch.set_num_threads(2)
    try:
        run(quick(epochs=2, threads=1), tmp_path / "run")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_outputs_that_differ_fail_the_run(
    quick: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seed_run, "LARGEST_DEVIATION", -1.0)
    with pytest.raises(InexactError) as caught:
        run(quick(), tmp_path / "run")
    message = str(caught.value)
    assert message.startswith("The compact model's outputs differ from the gated one's by ")
    assert message.endswith(
        f"please report this as a bug of graphdam, with {tmp_path / 'run' / 'settings.json'}."
    )
    assert not (tmp_path / "run" / "result.json").exists()


# Refusals, each before anything is written


@pytest.mark.parametrize(
    "given",
    [
        {"dataset": "coral"},
        {"dataset": "missing.npz"},
        {"split": "no-such-split"},
        {"device": "cuda:99"},
        {"model": "gat", "start_width": 18},
        {"model": "gat", "target_width": (6,)},
        {"model": "gat", "hidden_channels": 34},
        {"jk": "max", "target_width": (5, 4)},
        {"act": "no-such-activation"},
    ],
)
def test_what_cannot_be_trained_leaves_no_folder(
    quick: MakeSettings, tmp_path: Path, given: dict[str, object]
) -> None:
    with pytest.raises(GraphDamError):
        run(quick(**given), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_refused_unless_it_may_be_overwritten(
    quick: MakeSettings, copied: Path
) -> None:
    before = (copied / "result.json").read_bytes()
    with pytest.raises(RunFolderError, match="already holds a run"):
        run(quick(epochs=2), copied)
    assert (copied / "result.json").read_bytes() == before
    (copied / "notes.txt").write_text("mine")
    record = run(quick(epochs=2), copied, overwrite=True)
    assert record.seeds == [0]
    assert len(read_history(copied)) == 2
    assert (copied / "notes.txt").read_text() == "mine"


def test_a_finished_run_is_returned_as_it_is(quick: MakeSettings, finished: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    record = run(quick(seeds=(0, 1, 2)), finished, resume=True)
    assert record == read_record(finished)
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == times


def test_resuming_under_other_settings_is_refused(quick: MakeSettings, finished: Path) -> None:
    with pytest.raises(RunFolderError, match=r"was begun with epochs=12, not 13: resume with the"):
        run(quick(seeds=(0, 1, 2), epochs=13), finished, resume=True)


def test_weights_that_a_model_does_not_take_are_noted(quick: MakeSettings, tmp_path: Path) -> None:
    import numpy as np

    graph = load_graph("karate")
    weight = np.ones(graph.num_edges)
    weight[(graph.edge_index == 0).any(0).numpy()] = 0.5
    np.savez(
        tmp_path / "club.npz",
        edge_index=graph.edge_index.numpy(),
        edge_weight=weight,
        x=graph.dense_x().numpy(),
        y=graph.y.numpy(),
    )
    settings = quick(dataset=str(tmp_path / "club.npz"), model="graphsage")
    assert run(settings, tmp_path / "run").notes == [
        "the edge weights of club are not used: graphsage takes none"
    ]


def test_a_broken_setting_is_refused_before_the_graph_is_read(quick: MakeSettings) -> None:
    with pytest.raises(SettingsError):
        quick(dataset="coral", epochs=0)
