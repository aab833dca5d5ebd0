"""About how much memory a run on a graph takes, said before it begins."""

from __future__ import annotations

from graphdam.data import CSRMatrix, Graph
from graphdam.nn.layerwise import BLOCK_ROWS
from graphdam.training.settings import Settings

GIB = 2**30

BASE = int(0.5 * GIB)
"""Python, torch and PyG before anything is loaded."""

PER_EDGE = 150
"""Bytes of a directed edge: in the graph, prepared, transposed and sorted for the sampler."""

PER_DRAWN_EDGE = 100
"""Bytes of a message of a sample: drawn, sorted and transposed."""

COPIES = 8
"""Tensors of a layer's width that a step holds of every node: outputs, masks and gradients."""

FEATURE_COPIES = 3
"""Tensors of the features' width: what a step reads, with and without dropout."""

ATTENTION_COPIES = 12
"""Tensors of one number an edge and a head that a step holds of a layer of attention."""


def bytes_of_whole(settings: Settings, graph: Graph) -> int:
    """An upper estimate for steps that read the whole graph.

    `benchmarks/scale.py` measures what such runs take: its records lie below the estimate.
    """
    nodes = [graph.num_nodes] * settings.num_layers
    return _standing(graph) + _step(settings, graph, nodes, graph.num_nodes, graph.num_edges)


def bytes_in_batches(settings: Settings, graph: Graph, batch_size: int) -> int:
    """The same for steps that sample, and looks a layer at a time."""
    if settings.loader == "neighbor":
        reached = _reached(settings, graph, batch_size)
        edges = sum(
            inner * _drawn(graph, each)
            for inner, each in zip(reached, settings.fan_out, strict=False)
        )
    else:  # a subgraph has in every layer the same nodes, and at most all of their edges
        reached = [min(batch_size, graph.num_nodes)] * (settings.num_layers + 1)
        edges = reached[0] * _drawn(graph, -1)
    nodes = reached[-2::-1]  # the first layer's outputs are all but the outermost hop
    step = _step(settings, graph, nodes, reached[-1], int(edges)) + PER_DRAWN_EDGE * int(edges)
    widest = max(max(_widths(settings, graph, width)) for width in _model_widths(settings))
    # a layer's inputs, what is sent, what is kept, and its outputs; and outputs of both models
    held = graph.num_nodes * (4 * widest + 6 * graph.out_channels)
    block = min(BLOCK_ROWS, graph.num_nodes) * (4 * widest + 3 * graph.num_features)
    return _standing(graph) + max(step, 4 * (held + block))


def _standing(graph: Graph) -> int:
    """What is there whatever is computed."""
    return BASE + _features(graph) + graph.num_edges * PER_EDGE + graph.num_nodes * 64


def _features(graph: Graph) -> int:
    if isinstance(graph.x, CSRMatrix):
        return 32 * graph.x.num_entries
    if graph.features_on_disk:
        return 0
    return 4 * graph.x.numel()


def _reached(settings: Settings, graph: Graph, batch_size: int) -> list[int]:
    """At most how many nodes a batch reaches within 0, 1, … hops; far ones have many neighbours."""
    reached, frontier = [min(batch_size, graph.num_nodes)], float(batch_size)
    for hop, number in enumerate(settings.fan_out):
        most = graph.num_nodes if number == -1 else number
        frontier *= _drawn(graph, number) if hop == 0 else most
        reached.append(int(min(graph.num_nodes, reached[-1] + frontier)))
    return reached


def _drawn(graph: Graph, number: int) -> float:
    """At most how many neighbours are drawn for a node, on average."""
    mean = graph.num_edges / graph.num_nodes
    return mean if number == -1 else min(mean, float(number))


def _step(settings: Settings, graph: Graph, nodes: list[int], inputs: int, edges: int) -> int:
    """What a step of teacher and student holds: both, since what is freed is not all reused."""
    total = (
        FEATURE_COPIES * inputs * (graph.num_features if not isinstance(graph.x, CSRMatrix) else 0)
    )
    for model in _model_widths(settings):
        widths = _widths(settings, graph, model)
        total += COPIES * sum(n * width for n, width in zip(nodes, widths, strict=True))
        if settings.model == "gat":
            total += (edges + inputs) * (
                2 * max(widths) + ATTENTION_COPIES * settings.heads * settings.num_layers
            )
    return 4 * total


def _model_widths(settings: Settings) -> list[int]:
    """The hidden widths of the models that are trained."""
    if settings.gate is None:
        return [settings.hidden_channels]
    return [settings.start_width] + ([settings.hidden_channels] if settings.teacher else [])


def _widths(settings: Settings, graph: Graph, hidden: int) -> list[int]:
    """What a layer each writes."""
    last = graph.out_channels if settings.readout is None else hidden
    return [hidden] * (settings.num_layers - 1) + [last]
