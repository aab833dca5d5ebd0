"""Grids of runs: what is compared with what, trained side by side and resumed where it stopped."""

from graphdam.bench.grid import Bench, Cell
from graphdam.bench.named import BENCHES, find_bench
from graphdam.bench.run import BenchObserver, BenchResult, Failure, run_bench
from graphdam.bench.unit import Outcome, Unit

__all__ = [
    "BENCHES",
    "Bench",
    "BenchObserver",
    "BenchResult",
    "Cell",
    "Failure",
    "Outcome",
    "Unit",
    "find_bench",
    "run_bench",
]
