"""A graph made ready in pieces: sampled batches for steps, layer by layer for looks and scores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphdam.data import CSRMatrix
from graphdam.data.graph import SplitName
from graphdam.errors import SettingsError
from graphdam.nn import Encoder, NeighborSampling, Sample, layerwise
from graphdam.objectives.prepared import OfGraph, PreparedGraph, dropped

Features = Tensor | CSRMatrix


@dataclass(frozen=True)
class PreparedLayers(PreparedGraph):
    """A graph whose nodes are computed a layer at a time, in blocks: see `layerwise`.

    Attributes:
        factor: what features are multiplied by when they are read.
    """

    factor: float = 1.0

    def outputs(self, encoder: Encoder, *, feature_dropout: float = 0.0) -> Tensor:
        def read(block: Features) -> Features:
            return dropped(self.scaled(block), feature_dropout, training=encoder.training)

        return layerwise(encoder, self.x, self.adjacency, read=read)

    def scaled(self, x: Features) -> Features:
        """Features as they are trained on."""
        if self.factor == 1.0:
            return x
        return x.with_values(x.value * self.factor) if isinstance(x, CSRMatrix) else x * self.factor


@dataclass(frozen=True)
class NodeBatch(PreparedGraph):
    """The nodes of one step, its seeds: their features and those that they depend on.

    Attributes:
        seeds: the nodes that outputs are of, int64 [B].
    """

    seeds: Tensor

    @property
    def y(self) -> Tensor:
        return self.graph.y[self.seeds]

    def mask(self, split: SplitName) -> Tensor:
        return self.graph.mask(split)[self.seeds]


@dataclass(frozen=True)
class PreparedNodes(PreparedLayers):
    """A graph whose steps read sampled neighbourhoods of some nodes, and whose looks read it all.

    An epoch takes every seed node once, in a new order: the training nodes or, beside a teacher
    that is imitated on all nodes, all of them. Batches differ by two nodes at most, and hold
    training nodes in equal shares, so that a step's loss is on average that of the whole graph.
    What a batch does not take of its neighbourhoods, and what dropout takes from it, is drawn for
    each process by itself; the order is the same in all.

    Attributes:
        sampling: draws the neighbourhoods.
        batch_size: seeds a step, at most, those of all processes together.
        learns_from_all: whether all nodes are seeds, not only the training nodes.
        rank, num_ranks: this process, and how many share the seeds of every step.
    """

    sampling: NeighborSampling | None = None
    batch_size: int = 1024
    learns_from_all: bool = True
    rank: int = 0
    num_ranks: int = 1

    is_whole = False

    @classmethod
    def of(
        cls,
        layers: PreparedLayers,
        *,
        neighbors: tuple[int, ...],
        batch_size: int,
        learns_from_all: bool,
        rank: int = 0,
        num_ranks: int = 1,
    ) -> PreparedNodes:
        """Samples of what is prepared for an encoder.

        Raises:
            SettingsError: no sampler is installed, or there are more batches than training nodes.
        """
        prepared = cls(
            **vars(layers),
            sampling=NeighborSampling(layers.adjacency, neighbors),
            batch_size=batch_size,
            learns_from_all=learns_from_all,
            rank=rank,
            num_ranks=num_ranks,
        )
        require_training_nodes(
            layers,
            batch_size=batch_size,
            num_seeds=prepared._num_seeds,
            num_batches=prepared.num_batches,
            num_ranks=num_ranks,
        )
        return prepared

    @property
    def _num_seeds(self) -> int:
        return self.graph.num_nodes if self.learns_from_all else self.num_items("train")

    @property
    def num_batches(self) -> int:  # type: ignore[override]
        return -(-self._num_seeds // self.batch_size)

    def batches(self) -> Iterator[NodeBatch]:  # type: ignore[override]
        seeds = seeds_of_steps(
            self.mask("train").cpu(),
            self.num_batches,
            with_others=self.learns_from_all,
            rank=self.rank,
            num_ranks=self.num_ranks,
        )
        with randomness_of(self.rank, self.x.device):
            yield from self._sampled(seeds)

    def _sampled(self, seeds: list[Tensor], *, reorder: bool = True) -> Iterator[NodeBatch]:
        assert self.sampling is not None
        samples = self.sampling.samples(seeds, reorder=reorder)
        for nodes, sample in zip(seeds, samples, strict=True):
            yield self._batch(nodes, sample)

    def _batch(self, seeds: Tensor, sample: Sample) -> NodeBatch:
        nodes, device = sample.nodes.to(self.x.device), self.graph.y.device
        x = self.x.select(nodes) if isinstance(self.x, CSRMatrix) else self.x[nodes]
        graph = replace(self.graph, evaluator=None)  # which refuses parts without both outcomes
        return NodeBatch(graph, self.scaled(x), sample.adjacency, seeds.to(device))

    @property
    def watched(self) -> NodeBatch:  # type: ignore[override]
        """One sampled batch of validation nodes."""
        val = self.mask("val").cpu().nonzero().squeeze(1)
        seeds = val[torch.randperm(val.numel())[: self.batch_size]]
        return next(self._sampled([seeds], reorder=False))


def seeds_of_steps(
    is_train: Tensor, num_steps: int, *, with_others: bool, rank: int = 0, num_ranks: int = 1
) -> list[Tensor]:
    """One process's nodes of every step, int64 [B]: each once, in a new order, in equal shares.

    Args:
        is_train: bool [N]; training nodes, and the others, are dealt for themselves.
        num_steps: of an epoch.
        with_others: whether there are others.
        rank, num_ranks: this process, and how many share every step.
    """
    kinds = [is_train, ~is_train] if with_others else [is_train]
    parts = []
    for kind in kinds:
        nodes = kind.nonzero().squeeze(1)
        steps = nodes[torch.randperm(nodes.numel())].tensor_split(num_steps)
        parts.append([step.tensor_split(num_ranks)[rank] for step in steps])
    return [torch.cat(step) for step in zip(*parts, strict=True)]


def require_training_nodes(
    prepared: OfGraph, *, batch_size: int, num_seeds: int, num_batches: int, num_ranks: int
) -> None:
    """Refuse more batches than there are training nodes, of which each needs one.

    Raises:
        SettingsError: with the least batch size that does.
    """
    labelled = prepared.num_items("train")
    if num_batches * num_ranks <= labelled:
        return
    of_processes = f" for {num_ranks} processes" if num_ranks > 1 else ""
    raise SettingsError(
        f"batch_size={batch_size} cuts {num_seeds:,} nodes into {num_batches:,} "
        f"batches{of_processes}, and there are {labelled:,} training nodes, of which each needs "
        f"one: take at least {-(-num_seeds * num_ranks // labelled):,}."
    )


@contextmanager
def randomness_of(rank: int, device: torch.device) -> Iterator[None]:
    """Draw inside what no other process draws; outside, all draw the same."""
    seed = int(torch.randint(2**62, ()))
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed + rank)
        yield
