"""Somebody else's GNNs, written with PyG, under `graphdam.narrow`: how small, and what they score.

    python benchmarks/own_models.py --dataset cora --seeds 3 --jobs 2
    python benchmarks/own_models.py --dataset enzymes --seeds 5 --jobs 2     # whole graphs

Each network begins at width 64 beside a teacher of its own class at width 256, what tells whole
graphs at the teacher's width; nothing else is said. Runs are kept one by one in
benchmarks/results/own-models.json, so that an interrupted script goes on; benchmarks/tables.py
prints the table that is made of them. Data as for `graphdam train`; ENZYMES as PyG lays it out
(`tudataset/ENZYMES/raw`), each seed with a split of its own.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
import torch_geometric
from joblib import Parallel, delayed
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric import nn as pyg
from torch_geometric.data import Data
from torch_geometric.datasets import TUDataset

from graphdam import Settings, __version__, load_graph, narrow
from graphdam.data import Graph, GraphSet
from graphdam.data.sources import data_roots
from graphdam.errors import DataError
from graphdam.evaluation.cost import num_parameters
from graphdam.evaluation.module_cost import matrix_multiply_adds
from graphdam.files import write_atomically
from graphdam.report.methods import display_name

RESULT = Path(__file__).parent / "results" / "own-models.json"
START, WIDE = 64, 256


class ByHand(nn.Module):
    """Two layers of GCN."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()
        self.first, self.second = pyg.GCNConv(features, width), pyg.GCNConv(width, classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(x, p=0.5, training=self.training)
        x = F.dropout(F.elu(self.first(x, edge_index)), p=0.5, training=self.training)
        return self.second(x, edge_index)  # type: ignore[no-any-return]


class Skipping(nn.Module):
    """Attention beside a linear skip, side by side with a second convolution."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()
        self.encode, self.drop = nn.Linear(features, width), nn.Dropout(0.5)
        self.attend = pyg.GATConv(width, width // 4, heads=4)
        self.convolve = pyg.SAGEConv(width, width)
        self.classify = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.drop(F.elu(self.encode(self.drop(x))))
        h = x + F.elu(self.attend(x, edge_index))
        g = F.elu(self.convolve(self.drop(h), edge_index))
        return self.classify(self.drop(torch.cat([h, g], dim=-1)))  # type: ignore[no-any-return]


class Isomorphism(nn.Module):
    """GIN, a perceptron with batch norm in every layer."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()

        def perceptron(inputs: int) -> nn.Module:
            hidden = (nn.Linear(inputs, width), nn.BatchNorm1d(width), nn.ReLU())
            return nn.Sequential(*hidden, nn.Linear(width, width), nn.ReLU())

        self.first, self.second = (pyg.GINConv(perceptron(size)) for size in (features, width))
        self.classify = nn.Linear(width, classes)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = F.dropout(self.first(x, edge_index), p=0.5, training=self.training)
        return self.classify(self.second(x, edge_index))  # type: ignore[no-any-return]


def stock(features: int, width: int, classes: int) -> nn.Module:
    """PyG's GraphSAGE of three layers, all of them side by side at the end."""
    arguments = {"num_layers": 3, "out_channels": classes, "dropout": 0.5, "jk": "cat"}
    return pyg.GraphSAGE(features, width, **arguments)  # type: ignore[no-any-return]


class Pooled(nn.Module):
    """Two layers, a skip around the second, the mean and the maximum over a graph."""

    def __init__(self, features: int, width: int, classes: int) -> None:
        super().__init__()
        self.first, self.second = pyg.SAGEConv(features, width), pyg.SAGEConv(width, width)
        self.norms = nn.ModuleList([pyg.BatchNorm(width) for _ in range(2)])
        self.classify = nn.Linear(2 * width, classes)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = F.relu(self.norms[0](self.first(x, edge_index)))
        x = x + F.relu(self.norms[1](self.second(x, edge_index)))
        x = torch.cat([pyg.global_mean_pool(x, batch), pyg.global_max_pool(x, batch)], dim=-1)
        return self.classify(F.dropout(x, p=0.5, training=self.training))  # type: ignore[no-any-return]


NETS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "two GCN layers by hand": ByHand,
    "GAT beside a skip, SAGE, concatenated": Skipping,
    "GIN, MLPs with batch norm inside": Isomorphism,
    "PyG's GraphSAGE, 3 layers, JK": stock,
    "two SAGE layers, a skip, pooling": Pooled,
}

OF_GRAPHS = ("two SAGE layers, a skip, pooling",)
"""What classifies whole graphs, where the others classify nodes."""


def enzymes() -> list[Data]:
    """PyG writes what it prepares beside the raw files, which are therefore copied."""
    place = Path("tudataset", "ENZYMES", "raw")
    raw = next((root / place for root in data_roots(None) if (root / place).is_dir()), None)
    if raw is None:
        raise DataError(f"No {place} under GRAPHDAM_DATA: PyG's TUDataset fetches it.")
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(raw, Path(folder) / "ENZYMES" / "raw")
        return list(TUDataset(folder, "ENZYMES", use_node_attr=True))


def run(name: str, data: Graph | list[Data], seed: int, epochs: int | None) -> dict[str, Any]:
    """One network, one seed; `None` for the epochs of the recipe."""
    torch.set_num_threads(1)
    given: dict[str, Any] = {} if epochs is None else {"epochs": epochs}
    if isinstance(data, Graph):
        known: Any = data.at_split(seed)
        settings = Settings.of(feature_dropout=0.0, **given)
        inputs: tuple[Tensor, ...] = (data.dense_x(), data.edge_index)
        items = 1
    else:
        known = GraphSet.of(data, seed=seed, name="enzymes")
        settings = Settings.of(objective="graph-classification", **given)
        tested = known.take(known.test)
        inputs = (tested.x, tested.edge_index, tested.batch)
        items = len(known.test)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = known.num_features, known.out_channels
        start = WIDE if name in OF_GRAPHS else START
        net, teacher = (NETS[name](sizes[0], width, sizes[1]) for width in (start, WIDE))
    found = narrow(net, known, teacher=teacher, settings=settings, seed=seed)
    return {
        "dataset": known.name,
        "net": name,
        "seed": seed,
        "epochs": settings.epochs,
        "widths": list(found.widths.values()),
        "test": 100 * found.test,
        "teacher_test": 100 * (found.teacher_test or 0.0),
        "parameters": [num_parameters(each) for each in (teacher, found.model)],
        "multiply_adds": [
            round(matrix_multiply_adds(each, *inputs) / items) for each in (teacher, found.model)
        ],
        "deviation": found.deviation,
        "notes": found.notes,
        "seconds": round(found.fit.seconds, 1),
        "recorded": date.today().isoformat(),
    }


def table(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The runs, and the rows that are printed of them."""
    kinds = dict.fromkeys((each["dataset"], each["net"]) for each in runs)
    rows = []
    for dataset, net in kinds:
        mine = [each for each in runs if (each["dataset"], each["net"]) == (dataset, net)]
        widths = zip(*(each["widths"] for each in mine), strict=True)
        rows.append(
            [
                display_name(dataset),
                net,
                f"{WIDE if net in OF_GRAPHS else START} → "
                + ", ".join(_span(list(of_group)) for of_group in widths),
                *(_fewer(mine, what) for what in ("parameters", "multiply_adds")),
                _mean([each["teacher_test"] for each in mine]),
                _mean([each["test"] for each in mine]),
                str(len(mine)),
            ]
        )
    whole = "ENZYMES: whole graphs, a split by class for each seed. "
    about = whole if any(each["net"] in OF_GRAPHS for each in runs) else ""
    notes = sorted({note for each in runs for note in each["notes"]})
    days = [pick(each["recorded"] for each in runs) for pick in (min, max)]
    return {
        "title": "GNNs written with PyG, under graphdam.narrow",
        "columns": [
            *("data set", "network", "widths", "parameters", "multiply-adds"),
            *(f"its teacher of width {WIDE} (%)", "narrowed (%)", "seeds"),
        ],
        "rows": rows,
        "caption": (
            f"Test accuracy, seeds from 0 on; ± is the unbiased standard deviation. {about}A width "
            f"for each group of channels (of attention, a head's), and how much less there is of "
            f"the rest than in the teacher; multiply-adds of matrix products, without messages. "
            f"The networks' outputs differ from those with gates by at most "
            f"{max(each['deviation'] for each in runs):.1e} of their scale. "
            f"{'Notes: ' + '; '.join(notes) + '. ' if notes else ''}Default recipe, without its "
            f"dropout of features; 1 thread; "
            f"graphdam {__version__}, torch {torch.__version__}, torch-geometric "
            f"{torch_geometric.__version__}. Recorded {' to '.join(dict.fromkeys(days))}."
        ),
        "runs": list(runs),
    }


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}–{high}"


def _fewer(runs: Sequence[dict[str, Any]], what: str) -> str:
    ratios = [wide / small for wide, small in (each[what] for each in runs)]
    ratio = fmean(ratios)
    return f"{ratio:.{1 if ratio < 2 else 0}f}× fewer"


def _mean(values: Sequence[float]) -> str:
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(values) > 1 else "")


def main() -> int:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="cora")
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to this, less one")
    parser.add_argument("--epochs", type=int, help="by default those of the recipe")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    arguments = parser.parse_args()
    known = json.loads(RESULT.read_text())["runs"] if RESULT.exists() else []
    whole = arguments.dataset.lower() == "enzymes"
    data = enzymes() if whole else load_graph(arguments.dataset)
    dataset = "enzymes" if isinstance(data, list) else data.name
    done = {(each["dataset"], each["net"], each["seed"]) for each in known}
    todo = [
        (net, seed)
        for net in NETS
        for seed in range(arguments.seeds)
        if (net in OF_GRAPHS) == whole and (dataset, net, seed) not in done
    ]
    finished = Parallel(arguments.jobs, return_as="generator_unordered")(
        delayed(run)(net, data, seed, arguments.epochs) for net, seed in todo
    )
    order = list(NETS)
    for found in finished:
        known.append(found)
        print(
            f"{found['dataset']}, {found['net']}, seed {found['seed']}: widths {found['widths']}, "
            f"{found['test']:.1f} % (teacher {found['teacher_test']:.1f} %), "
            f"{found['seconds']:.0f} s",
            file=sys.stderr,
            flush=True,
        )
        known.sort(key=lambda each: (each["dataset"], order.index(each["net"]), each["seed"]))
        content = json.dumps(table(known), indent=1, ensure_ascii=False)
        write_atomically(RESULT, content + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
