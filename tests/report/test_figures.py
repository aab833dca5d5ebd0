"""Is every picture a PNG that shows something, and the same bytes for the same input?"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.image import imread

from graphdam.errors import RunFolderError
from graphdam.report import (
    HistoryLine,
    Prefix,
    RunRecord,
    draw_curves,
    draw_frontier,
    draw_gates,
    draw_prefixes,
    draw_run,
    read_record,
)
from graphdam.report.figures import style as style_module
from graphdam.report.figures.panel_drawing import end_below
from graphdam.report.figures.panels import Panel, panels_of
from graphdam.report.figures.style import styles_of
from graphdam.report.methods import line_name
from graphdam.report.scores import Scores

EXAMPLE = read_record(Path(__file__).parent / "example.json")


def closing(gates: int = 1, *, epochs: int = 12, channels: int = 16) -> list[HistoryLine]:
    """Three seeds whose offset falls from 0 to −4 while the gates harden."""
    lines = []
    for seed in range(3):
        for epoch in range(epochs):
            offset, steepness = -4 * epoch / epochs, 1.0 + epoch
            values = [
                max(0.0, math.tanh(steepness * (5 * (channels - 1 - at) / channels + offset)))
                for at in range(channels)
            ]
            lines.append(
                HistoryLine(
                    seed=seed,
                    epoch=epoch,
                    loss=2 * math.exp(-epoch / 9) + 0.1 * seed,
                    train=0.9,
                    val=0.5 + 0.02 * epoch + 0.01 * seed,
                    teacher_val=0.6,
                    penalty=offset,
                    widths=[sum(value > 0 for value in values)] * gates,
                    offsets=[offset] * gates,
                    steepness=steepness,
                    gate_values=[values] * gates if gates and epoch % 4 == 0 else None,
                    seconds=0.1 * epoch,
                )
            )
    return lines


def records() -> list[RunRecord]:
    alone = {"recipe": "wide", "gate": None, "wide": None}
    changes: list[dict[str, Any]] = [
        {},
        {"widths": [[32], [30], [34]]},
        {**alone, "widths": [[256]] * 3},
        {"dataset": "citeseer"},
    ]
    return [RunRecord.model_validate({**EXAMPLE.model_dump(), **change}) for change in changes]


def embeddings() -> list[RunRecord]:
    """Two layers, of which the last is what the record is about."""
    wide = EXAMPLE.model_dump()["wide"] | {"widths": [256, 128]}
    changes = [{"widths": [[64, width]] * 3} for width in (4, 16)]
    nmi = {"nmi": Scores.of("nmi", [0.4, 0.5, 0.6]).model_dump()}
    same = {"objective": "vgae", "start_widths": [256, 128], "wide": wide, "prefixes": None}
    same |= {"further": nmi}
    return [RunRecord.model_validate({**EXAMPLE.model_dump(), **same, **one}) for one in changes]


def many_methods() -> list[RunRecord]:
    """More names than one line of the legend takes."""
    return [
        RunRecord.model_validate({**EXAMPLE.model_dump(), "changed": {"task_weight": number}})
        for number in range(7)
    ]


def failures() -> list[RunRecord]:
    """Two gates that closed everything, at the same width, beside models that did not."""
    collapsed = [Scores.of("accuracy", [score] * 3).model_dump() for score in (0.4, 0.6)]
    changes = [{"widths": [[2]] * 3, "test": scores} for scores in collapsed]
    return records() + [
        RunRecord.model_validate({**EXAMPLE.model_dump(), **change}) for change in changes
    ]


def drawn_prefixes(record: RunRecord, path: Path) -> Path:
    drawn = draw_prefixes(record, path)
    assert drawn is not None
    return drawn


PICTURES: dict[str, Callable[[Path], Path]] = {
    "gates": lambda path: draw_gates(closing(), path, seed=1),
    "gates of four layers": lambda path: draw_gates(closing(4), path, seed=1),
    "curves": lambda path: draw_curves(closing(), path, seed=1, selected={1: 9}),
    "curves of two gates": lambda path: draw_curves(closing(2), path, seed=0),
    "curves without gates": lambda path: draw_curves(closing(0), path, seed=0),
    "curves of one epoch": lambda path: draw_curves(closing(epochs=1), path, seed=0),
    "prefixes": lambda path: drawn_prefixes(EXAMPLE, path),
    "frontier": lambda path: draw_frontier(records(), path),
    "frontier of costs": lambda path: draw_frontier(records(), path, against="multiply-adds"),
    "frontier of embeddings": lambda path: draw_frontier(embeddings(), path),
    "frontier of two scores": lambda path: draw_frontier(embeddings(), path, further=["nmi"]),
    "frontier of many methods": lambda path: draw_frontier(many_methods(), path),
    "frontier with failures": lambda path: draw_frontier(failures(), path),
    "frontier of one run": lambda path: draw_frontier(records()[:1], path),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_show_something_and_are_stable(name: str, tmp_path: Path) -> None:
    path = PICTURES[name](tmp_path / "figures" / "one.png")
    pixels = imread(path)
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 600
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 10
    # nothing reaches the border, where it would be cut off
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edge == 1).all()
    # whatever the caller has set in matplotlib
    with rc_context({"font.size": 30, "lines.linewidth": 9}):
        again = PICTURES[name](tmp_path / "two.png")
    assert again.read_bytes() == path.read_bytes()
    assert b"Software" not in path.read_bytes()


def test_a_panel_ends_above_failures_and_names_them() -> None:
    def end(members: list[RunRecord]) -> None:
        panel = Panel("Cora", tuple(members), "accuracy")
        styles = styles_of([line_name(record) for record in members])
        end_below(axes, panel, styles, lambda record: 8.0, span=0.0)

    axes = Figure().subplots()
    axes.set(xlim=(4, 16), ylim=(30, 90))
    end(records())
    assert axes.get_ylim() == (30, 90)
    assert not axes.texts
    end(failures())
    low, high = axes.get_ylim()
    # all others score 83 ± 1: the panel ends 0.15 of their span below, the failures at its edge
    assert low == pytest.approx(82 - 0.15 * 2)
    assert high > 84
    assert [text.get_text() for text in axes.texts] == ["↓ 40", "↓ 60"]
    scores = Scores.of("accuracy", [0.74, 0.75, 0.76]).model_dump()
    end([*failures(), RunRecord.model_validate({**EXAMPLE.model_dump(), "test": scores})])
    wide = next(record for record in records() if record.recipe == "wide")
    assert axes.get_ylim()[0] == pytest.approx(100 * wide.test.mean - 9)
    # a mark at the limit stays clear of the words at the edge: 0.1 of what lies above it
    scores = Scores.of("accuracy", [0.741] * 3).model_dump()
    end([*failures(), RunRecord.model_validate({**EXAMPLE.model_dump(), "test": scores})])
    assert axes.get_ylim()[0] == pytest.approx(74.1 - 0.1 * (84 - 74.1))


def test_a_panel_that_is_about_what_fails_shows_all_of_it() -> None:
    panel = Panel("Cora", tuple(failures()), "accuracy")
    best = max(panel.records, key=panel.mean)
    few = Panel(
        "Cora", (best, *(each for each in panel.records if panel.mean(each) < 70)), "accuracy"
    )
    for members, is_ended in ((panel, True), (few, False)):
        axes = Figure().subplots()
        axes.set(xlim=(4, 16), ylim=(30, 90))
        styles = styles_of([line_name(record) for record in members.records])
        end_below(axes, members, styles, lambda record: 8.0, span=0.0, unless_most=True)
        assert (axes.get_ylim() != (30, 90)) == is_ended


def test_panels_of_one_data_set_are_told_apart() -> None:
    changes: list[dict[str, Any]] = [{}, {"split": "random"}, {"graphdam_version": "0.2.0"}]
    members = [RunRecord.model_validate({**EXAMPLE.model_dump(), **one}) for one in changes]
    titles = [panel.title for panel in panels_of(members, ())]
    assert titles == [
        "Cora, GCN, public, graphdam 0.1.0",
        "Cora, GCN, random, graphdam 0.1.0",
        "Cora, GCN, public, graphdam 0.2.0",
    ]
    assert [panel.title for panel in panels_of(members[:1], ())] == ["Cora, GCN"]


def test_every_score_has_a_panel_of_its_own() -> None:
    panels = panels_of(embeddings(), ("macro_f1", "nmi"))
    assert [panel.score for panel in panels] == ["accuracy", "nmi"]  # nobody holds macro-F1
    assert [panel.mean(panel.records[0]) for panel in panels] == pytest.approx([83.0, 50.0])


def test_an_error_is_drawn_as_it_is() -> None:
    further = {"mse": Scores.of("mse", [0.07, 0.08, 0.09]).model_dump()}
    record = RunRecord.model_validate({**EXAMPLE.model_dump(), "further": further})
    _, panel = panels_of([record], ("mse",))
    assert (panel.mean(record), panel.std(record)) == pytest.approx((0.08, 0.01))


def test_a_method_looks_the_same_whatever_stands_beside_it() -> None:
    few = styles_of(["trained alone", "DAM + teacher"])
    many = styles_of(["another", "nested losses", "trained alone", "DAM + teacher", "L0 gate"])
    assert list(few) == ["DAM + teacher", "trained alone"]
    assert all(many[name] == style for name, style in few.items())
    assert list(many)[-1] == "another"
    names = [f"method {number}" for number in range(14)]
    looks = {(style.colour, style.marker, style.dashes) for style in styles_of(names).values()}
    assert len(looks) == 14
    known = list(style_module._KNOWN.values())
    assert len({(style.colour, style.marker) for style in known}) == len(known)


def test_another_seed_is_another_picture(tmp_path: Path) -> None:
    one = draw_curves(closing(), tmp_path / "one.png", seed=0)
    two = draw_curves(closing(), tmp_path / "two.png", seed=2)
    assert one.read_bytes() != two.read_bytes()


def test_a_run_has_its_pictures(tmp_path: Path) -> None:
    assert draw_run(EXAMPLE, closing(), tmp_path) == [
        tmp_path / "figures" / "curves.png",
        tmp_path / "figures" / "gates.png",
        tmp_path / "figures" / "prefixes.png",
    ]
    plain = EXAMPLE.model_copy(update={"prefixes": None})
    assert [path.name for path in draw_run(plain, closing(0), tmp_path)] == ["curves.png"]


def test_a_model_that_cannot_be_cut_has_no_curve(tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    curves: list[list[list[Prefix]] | None] = [None, [[], [], []]]
    for prefixes in curves:
        assert draw_prefixes(EXAMPLE.model_copy(update={"prefixes": prefixes}), path) is None
    assert not path.exists()


def test_what_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.png"
    with pytest.raises(RunFolderError, match=r"No epochs of seed 7 .* holds the seeds \[0, 1, 2\]"):
        draw_curves(closing(), path, seed=7)
    with pytest.raises(RunFolderError, match=r"No gate values of seed 0 .* or train with a gate"):
        draw_gates(closing(0), path, seed=0)
    with pytest.raises(RunFolderError, match="No widths to draw among 0 records"):
        draw_frontier([], path)
    assert not path.exists()


def test_drawing_leaves_pyplot_alone(tmp_path: Path) -> None:
    code = (
        "import sys; from graphdam.report import draw_frontier, read_record; "
        "draw_frontier([read_record(sys.argv[1])], sys.argv[2]); "
        "print([name for name in ('torch', 'matplotlib.pyplot') if name in sys.modules])"
    )
    arguments = [str(Path(__file__).parent / "example.json"), str(tmp_path / "one.png")]
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
