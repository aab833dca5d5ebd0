"""Is a run folder made, refused, resumed or replaced, and nothing of anybody else's touched?"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from graphdam import files
from graphdam._version import __version__
from graphdam.errors import RunFolderError
from graphdam.report import HistoryLine, read_history
from graphdam.training import Settings
from graphdam.training.run_folder import RunFolder

MakeSettings = Callable[..., Settings]


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(RunFolderError) as caught:
        act()
    return str(caught.value)


def line(seed: int, epoch: int) -> HistoryLine:
    return HistoryLine(
        seed=seed,
        epoch=epoch,
        loss=1.5,
        train=0.5,
        val=0.25,
        teacher_val=None,
        penalty=0.0,
        widths=[4],
        offsets=[-0.5],
        steepness=1.0,
        seconds=0.5,
    )


@pytest.fixture
def finished(tmp_path: Path, quick: MakeSettings) -> RunFolder:
    """A folder with everything that a run leaves, and a user's notes."""
    folder = RunFolder.create(tmp_path / "run", quick())
    folder.append_history(line(0, 0))
    for name in ("model/config.json", "checkpoint/seed-0/result.json", "figures/gates.png"):
        files.write_atomically(folder.path / name, "{}")
    files.write_atomically(folder.path / "result.json", "{}")
    return folder


def test_settings_come_back_equal(tmp_path: Path, quick: MakeSettings) -> None:
    settings = quick("paper", seeds=(4, 2), target_width=(3,))
    RunFolder.create(tmp_path / "a" / "run", settings)
    assert RunFolder.open(tmp_path / "a" / "run").settings() == settings


def test_an_empty_folder_is_taken(tmp_path: Path, quick: MakeSettings) -> None:
    assert not RunFolder.create(tmp_path, quick()).is_finished


def test_an_existing_run_is_refused_and_stays(finished: RunFolder, quick: MakeSettings) -> None:
    before = sorted(finished.path.rglob("*"))
    assert refusal(lambda: RunFolder.create(finished.path, quick(epochs=3))) == (
        f"{finished.path} already holds a run: --resume continues it, --overwrite replaces it, or "
        f"choose another --out."
    )
    assert sorted(finished.path.rglob("*")) == before
    assert finished.settings() == quick()


def test_overwriting_leaves_nothing_of_the_old_run(
    finished: RunFolder, quick: MakeSettings
) -> None:
    folder = RunFolder.create(finished.path, quick(epochs=3), overwrite=True)
    assert folder.settings().epochs == 3
    assert [path.name for path in finished.path.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("name", ["notes.txt", "figures/mine.png", "model/notes.txt", "mine/x"])
def test_overwriting_keeps_files_that_are_not_of_the_run(
    finished: RunFolder, quick: MakeSettings, name: str
) -> None:
    files.write_atomically(finished.path / name, "mine")
    RunFolder.create(finished.path, quick(), overwrite=True)
    assert (finished.path / name).read_text() == "mine"


def test_a_kill_while_overwriting_leaves_a_folder_that_is_still_ours(
    finished: RunFolder, quick: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "rmdir", killed)
        with pytest.raises(KeyboardInterrupt):
            RunFolder.create(finished.path, quick(), overwrite=True)
    assert not RunFolder.create(finished.path, quick(), overwrite=True).is_finished


def test_overwriting_follows_no_link(
    finished: RunFolder, quick: MakeSettings, tmp_path: Path
) -> None:
    files.write_atomically(tmp_path / "elsewhere" / "precious.txt", "mine")
    (finished.path / "figures" / "gates.png").unlink()
    (finished.path / "figures").rmdir()
    (finished.path / "figures").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    RunFolder.create(finished.path, quick(), overwrite=True)
    assert (tmp_path / "elsewhere" / "precious.txt").read_text() == "mine"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    "content",
    [
        {"thesis.tex": "words"},
        {"settings.json": '{"graphdam_run": false}'},
        {"settings.json": '["graphdam_run"]'},
        {"settings.json": "not JSON", "result.json": "{}", "model/config.json": "{}"},
        {".hidden": ""},
    ],
)
def test_a_folder_that_is_not_ours_is_never_touched(
    tmp_path: Path, quick: MakeSettings, overwrite: bool, content: dict[str, str]
) -> None:
    path = tmp_path / "theirs"
    for name, text in content.items():
        files.write_atomically(path / name, text)
    message = refusal(lambda: RunFolder.create(path, quick(), overwrite=overwrite))
    assert message == (
        f"{path} exists and is not a run of graphdam, so nothing in it is replaced: choose another "
        f"--out."
    )
    assert {name: (path / name).read_text() for name in content} == content


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_file_in_the_way_stays(tmp_path: Path, quick: MakeSettings, overwrite: bool) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    message = refusal(lambda: RunFolder.create(path, quick(), overwrite=overwrite))
    assert message.startswith(f"{path} exists and is not a run of graphdam")
    assert path.read_text() == "mine"


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path, quick: MakeSettings) -> None:
    (tmp_path / "file").write_text("mine")
    path = tmp_path / "file" / "run"
    assert refusal(lambda: RunFolder.create(path, quick())) == (
        f"{path} cannot be written (Not a directory): choose an --out in a folder that can be."
    )


def test_a_full_disk_is_said(
    tmp_path: Path, quick: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    path = tmp_path / "run"
    assert refusal(lambda: RunFolder.create(path, quick())) == (
        f"{path} cannot be written (No space left on device): choose an --out in a folder that can "
        f"be."
    )
    assert not (path / "settings.json").exists()


def test_opening_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    tail = "(no settings.json of a run in it): name the folder that graphdam train wrote."
    absent = tmp_path / "absent"
    assert refusal(lambda: RunFolder.open(absent)) == f"{absent} does not exist {tail}"
    empty = tmp_path / "empty"
    assert refusal(lambda: RunFolder.open(empty)) == f"{empty} is not a run of graphdam {tail}"


def test_another_format_names_the_version_that_wrote_it(finished: RunFolder) -> None:
    path = finished.path / "settings.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "format": 99, "graphdam_version": "9.9"}))
    assert refusal(finished.settings) == (
        f"{path} has format 99 (graphdam 9.9), this graphdam ({__version__}) reads 1: use the "
        f"version that wrote it, or train again."
    )


def test_settings_that_were_edited_wrongly_are_refused(finished: RunFolder) -> None:
    path = finished.path / "settings.json"
    content = json.loads(path.read_text())
    content["settings"]["lr"] = -1
    path.write_text(json.dumps(content))
    assert refusal(finished.settings) == (
        f"{path} does not hold valid settings: Setting lr=-1: input should be greater than or "
        f"equal to 0. Train again."
    )
    del content["settings"]
    path.write_text(json.dumps(content))
    assert refusal(finished.settings).startswith(f"{path} does not hold valid settings: ")


def test_resuming_under_other_settings_names_the_first_difference(
    finished: RunFolder, quick: MakeSettings
) -> None:
    finished.require_same(quick())
    assert refusal(lambda: finished.require_same(quick(lr=0.5))) == (
        f"{finished.path} was begun with lr=0.02, not 0.5: resume with the same options (or with "
        f"--out and --resume alone), or choose another --out."
    )


def test_the_history_is_cut_where_a_seed_goes_on(tmp_path: Path, quick: MakeSettings) -> None:
    folder = RunFolder.create(tmp_path / "run", quick(seeds=(0, 1)))
    folder.cut_history(set(), seed=0, epoch=0)
    assert not folder.history.exists()
    for seed, epochs in ((0, 4), (1, 3)):
        for epoch in range(epochs):
            folder.append_history(line(seed, epoch))
    with folder.history.open("a") as file:
        file.write('{"seed": 1, "epo')  # killed in the middle of a line
    folder.cut_history({0}, seed=1, epoch=2)
    kept = [(each.seed, each.epoch) for each in read_history(folder.history)]
    assert kept == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]
    folder.append_history(line(1, 2))
    assert read_history(folder.history)[-1] == line(1, 2)
