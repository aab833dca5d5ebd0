"""Units of work, side by side in processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from graphdam.bench.unit import Outcome, Unit, failed_unit, train_unit
from graphdam.data import load_data
from graphdam.errors import DataError, TrainingError
from graphdam.report import BenchFolder


def outcomes_of(
    units: Sequence[Unit],
    folder: BenchFolder,
    data_root: Path | None,
    jobs: int,
    begun: Callable[[Unit], None],
) -> Generator[Outcome]:
    """The outcome of every unit, as they end; what data cannot be had ends at once.

    Loading each graph once before the processes start leaves them nothing to download or prepare
    at the same time.
    """
    unreachable: dict[tuple[str, str | None], str | None] = {}
    reachable = []
    for unit in units:
        settings = unit.cell.resolve((unit.seed,))
        graph = settings.dataset, settings.split
        if graph not in unreachable:
            unreachable[graph] = _why_unreachable(*graph, data_root)
        reason = unreachable[graph]
        if reason is None:
            reachable.append(unit)
        else:
            yield failed_unit(unit, folder.run(unit.cell.name, unit.seed), reason)
    yield from _side_by_side(reachable, folder, data_root, jobs, begun)


def _why_unreachable(dataset: str, split: str | None, data_root: Path | None) -> str | None:
    try:
        load_data(dataset, split=split, data_root=data_root)
    except DataError as error:
        return str(error)
    return None


def _side_by_side(
    units: Sequence[Unit],
    folder: BenchFolder,
    data_root: Path | None,
    jobs: int,
    begun: Callable[[Unit], None],
) -> Iterator[Outcome]:
    from joblib import Parallel, delayed, parallel_config

    def handed_out() -> Iterator[Any]:
        for unit in units:
            begun(unit)
            yield delayed(train_unit)(unit, folder, data_root)

    # no more are handed out than there are cores, so that "begun" is what runs
    with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
        parallel = Parallel(pre_dispatch=jobs, batch_size=1, return_as="generator_unordered")
    try:
        yield from parallel(handed_out())
    except BrokenProcessPool as error:
        raise TrainingError(
            "A process of the bench was ended from outside, as happens where memory runs out: the "
            "same command goes on; fewer --jobs need less memory."
        ) from error
