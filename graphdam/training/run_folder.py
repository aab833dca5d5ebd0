"""The folder of a run: made, refused, resumed or replaced; only a finished one has a result."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphdam._version import __version__
from graphdam.errors import RunFolderError, SettingsError
from graphdam.files import write_atomically
from graphdam.report import HISTORY_FILE, RECORD_FILE, HistoryLine, read_history
from graphdam.training.settings import Settings

SETTINGS_FILE = "settings.json"
FORMAT = 1

MEMBERS = (
    RECORD_FILE,
    HISTORY_FILE,
    "embedding.npy",
    "predictions.csv",
    "model/config.json",
    "model/compact.json",
    "model/model.safetensors",
    "export/model.pt2",
    "export/model.onnx",
    "export/model.json",
    "export/model.safetensors",
    "figures/curves.png",
    "figures/gates.png",
    "checkpoint",
)
"""All that a run leaves beside its settings, and all that replacing it deletes."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    `result.json` is written last: a folder without it is a run that has not finished.
    """

    path: Path

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint"

    @property
    def history(self) -> Path:
        return self.path / HISTORY_FILE

    @property
    def is_finished(self) -> bool:
        return (self.path / RECORD_FILE).exists()

    @classmethod
    def create(cls, path: Path, settings: Settings, *, overwrite: bool = False) -> RunFolder:
        """A new folder for a run, or an emptied one.

        Raises:
            RunFolderError: something is in the way. `overwrite` removes a run, never anything
                else.
        """
        folder = cls(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            if not folder._is_ours():
                raise RunFolderError(
                    f"{path} exists and is not a run of graphdam, so nothing in it is replaced: "
                    f"choose another --out."
                )
            if not overwrite:
                raise RunFolderError(
                    f"{path} already holds a run: --resume continues it, --overwrite replaces it, "
                    f"or choose another --out."
                )
            folder._remove_members()
        try:
            path.mkdir(parents=True, exist_ok=True)
            folder._write_settings(settings)
        except OSError as error:
            raise RunFolderError(
                f"{path} cannot be written ({error.strerror}): choose an --out in a folder that "
                f"can be."
            ) from error
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run.

        Raises:
            RunFolderError: there is none.
        """
        folder = cls(path)
        if not folder._is_ours():
            found = "is not a run of graphdam" if path.exists() else "does not exist"
            raise RunFolderError(
                f"{path} {found} (no {SETTINGS_FILE} of a run in it): name the folder that "
                f"graphdam train wrote."
            )
        return folder

    def settings(self) -> Settings:
        """The settings of the run.

        Raises:
            RunFolderError: they are corrupted, or of another version.
        """
        content = self._read_settings()
        if content.get("format") != FORMAT:
            raise RunFolderError(
                f"{self.path / SETTINGS_FILE} has format {content.get('format')!r} (graphdam "
                f"{content.get('graphdam_version')}), this graphdam ({__version__}) reads "
                f"{FORMAT}: use the version that wrote it, or train again."
            )
        try:
            return Settings.of(**content["settings"])
        except (SettingsError, KeyError, TypeError) as error:
            raise RunFolderError(
                f"{self.path / SETTINGS_FILE} does not hold valid settings: {error} Train again."
            ) from error

    def difference(self, settings: Settings) -> str | None:
        """The first setting that the run was begun with and that differs, in words.

        Raises:
            RunFolderError: the run's settings are corrupted, or of another version.
        """
        anywhere = {"device", "threads"}  # where a run computes may change in between
        began, now = (each.model_dump(exclude=anywhere) for each in (self.settings(), settings))
        for name in began:
            if began[name] != now[name]:
                return f"{self.path} was begun with {name}={began[name]!r}, not {now[name]!r}"
        return None

    def require_same(self, settings: Settings) -> None:
        """Refuse to go on with other settings than the run began with.

        Raises:
            RunFolderError: naming the first difference.
        """
        difference = self.difference(settings)
        if difference is not None:
            raise RunFolderError(
                f"{difference}: resume with the same options (or with --out and --resume alone), "
                f"or choose another --out."
            )

    def seed_folder(self, seed: int) -> Path:
        """Where a finished seed of an unfinished run lies."""
        return self.checkpoint / f"seed-{seed}"

    def seed_result(self, seed: int) -> Path:
        """What a seed found; there once the seed has finished."""
        return self.seed_folder(seed) / RECORD_FILE

    def seed_checkpoint(self, seed: int) -> Path:
        """The training state of a seed under way."""
        return self.checkpoint / f"seed-{seed}.safetensors"

    def cut_history(self, finished: set[int], *, seed: int, epoch: int) -> None:
        """Drop lines that a resumed run will write again: of `seed` from `epoch` on."""
        if not self.history.exists():
            return
        lines = [
            line
            for line in read_history(self.history)
            if line.seed in finished or (line.seed == seed and line.epoch < epoch)
        ]
        write_atomically(self.history, "".join(map(_history_text, lines)))

    def append_history(self, line: HistoryLine) -> None:
        with self.history.open("a", encoding="utf-8") as file:
            file.write(_history_text(line))

    def remove_checkpoint(self) -> None:
        shutil.rmtree(self.checkpoint, ignore_errors=True)

    def _write_settings(self, settings: Settings) -> None:
        content = {
            "graphdam_run": True,
            "format": FORMAT,
            "graphdam_version": __version__,
            "settings": settings.model_dump(mode="json"),
        }
        write_atomically(self.path / SETTINGS_FILE, json.dumps(content, indent=1) + "\n")

    def _read_settings(self) -> dict[str, Any]:
        try:
            content = json.loads((self.path / SETTINGS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunFolderError(
                f"{self.path / SETTINGS_FILE} is not readable JSON ({error}): train again."
            ) from error
        return content if isinstance(content, dict) else {}

    def _is_ours(self) -> bool:
        if not (self.path / SETTINGS_FILE).is_file():
            return False
        try:
            return self._read_settings().get("graphdam_run") is True
        except RunFolderError:
            return False

    def _remove_members(self) -> None:
        """Delete what a run leaves, the result first, and nothing else.

        The settings stay until they are replaced: a folder half emptied is still a run of ours.
        """
        for name in MEMBERS:
            member = self.path / name
            if member.is_symlink() or member.is_file():
                member.unlink()
            elif member.is_dir():
                shutil.rmtree(member)
        for name in ("model", "export", "figures"):
            if (self.path / name).is_dir() and not any((self.path / name).iterdir()):
                (self.path / name).rmdir()


def _history_text(line: HistoryLine) -> str:
    return json.dumps(line.model_dump(mode="json", exclude_none=False)) + "\n"
