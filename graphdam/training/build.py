"""Settings and a graph in, encoders out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphdam.baselines import minge_width
from graphdam.data import Graph
from graphdam.data.link_split import links_of
from graphdam.errors import SettingsError
from graphdam.gates import Gate, make_gate, offset_of_width
from graphdam.nn import GAT, GCN, Encoder, GraphSAGE
from graphdam.objectives import (
    Bootstrap,
    DeepGraphInfomax,
    Grace,
    LinkReconstruction,
    NodeClassification,
    Objective,
)
from graphdam.training.settings import Settings

MODELS: dict[str, type[Encoder]] = {"gcn": GCN, "graphsage": GraphSAGE, "gat": GAT}

SPAN = 5.0
"""The range of a gate's positions, as in the authors' code."""


def build_encoder(settings: Settings, graph: Graph) -> Encoder:
    """The encoder that a run is about: gated, unless its settings know no gate."""
    return build_wide(settings, graph) if settings.gate is None else build_gated(settings, graph)


def build_wide(settings: Settings, graph: Graph) -> Encoder:
    """The wide model without gates: the teacher, or what the `wide` recipe trains."""
    width, embedding = settings.hidden_channels, settings.embedding_width
    if settings.width_rule == "minge":
        heads = _heads(settings)
        entropic = minge_width(graph.edge_index, num_nodes=graph.num_nodes)
        entropic = -(-entropic // heads) * heads
        if settings.learns_embedding:
            embedding = entropic
        else:
            width = entropic
    return _build(settings, graph, width=width, embedding=embedding, dropout=settings.dropout)


def build_gated(settings: Settings, graph: Graph) -> Encoder:
    """The gated model at its start width."""
    channels = max(1, settings.start_width // _heads(settings))
    min_width = min(settings.min_width, channels)
    if settings.target_width is not None or settings.nested:
        min_width = 1
    arguments: dict[str, Any] = {"min_width": min_width}
    if settings.gate == "dam":
        initial = settings.initial_offset
        if initial is None:
            initial = offset_of_width(channels, channels, SPAN)
        arguments |= {"initial_offset": initial, "span": SPAN}
    return _build(
        settings,
        graph,
        width=settings.start_width,
        embedding=min(settings.start_width, settings.embedding_width),
        dropout=settings.gated_dropout,
        gate=settings.gate,
        gate_kwargs=arguments,
    )


def gate_maker(settings: Settings) -> Callable[[int], Gate]:
    """What makes the gates of models that are no encoders of graphs, each of so many channels."""
    min_width = 1 if settings.target_width is not None else settings.min_width

    def gate(num_channels: int) -> Gate:
        arguments: dict[str, Any] = {"min_width": max(1, min(min_width, num_channels))}
        if settings.gate == "dam":
            initial = settings.initial_offset
            if initial is None:
                initial = offset_of_width(num_channels, num_channels, SPAN)
            arguments |= {"initial_offset": initial, "span": SPAN}
        return make_gate(str(settings.gate), num_channels, arguments)

    return gate


def build_objective(settings: Settings, graph: Graph, encoder: Encoder, *, seed: int) -> Objective:
    """What the encoder of a run is trained to do; links are held out by the set, or by the seed.

    Raises:
        SettingsError: labels are needed, and the graph has only links to predict.
    """
    objective: Objective
    if graph.links is not None and not settings.rebuilds_links:
        raise SettingsError(
            f"{graph.name} has links to predict and no labels, which objective="
            f"'{settings.objective}' needs: take objective='gae' or 'vgae'."
        )
    if settings.objective in ("graph-classification", "graph-regression"):
        raise SettingsError(
            f"objective='{settings.objective}' is for sets of graphs and a model of your own, see "
            f"graphdam.narrow; {graph.name} is one graph: leave it out."
        )
    match settings.objective:
        case "node-classification":
            return NodeClassification(graph, feature_dropout=settings.feature_dropout)
        case "dgi":
            objective = DeepGraphInfomax(graph, encoder)
        case "grace":
            objective = Grace(graph, encoder)
        case "bgrl":
            objective = Bootstrap(graph, encoder)
        case "gae":
            objective = LinkReconstruction(links_of(graph, seed=seed))
        case "vgae":
            objective = LinkReconstruction(links_of(graph, seed=seed), variational=encoder)
    return objective.to(graph.y.device)


def _build(
    settings: Settings,
    graph: Graph,
    *,
    width: int,
    embedding: int,
    dropout: float,
    gate: str | None = None,
    gate_kwargs: dict[str, Any] | None = None,
) -> Encoder:
    extra: dict[str, Any] = {}
    hidden: int | list[int] = width
    out_channels: int | None = graph.out_channels
    if settings.learns_embedding:
        hidden, out_channels = [width] * (settings.num_layers - 1) + [embedding], None
        extra |= {"act_output": not settings.rebuilds_links}
        extra |= {"gate_output": gate is not None}
    if settings.model == "gat":
        for size in {width, embedding} if settings.learns_embedding else {width}:
            if size % settings.heads:
                raise SettingsError(
                    f"A GAT's hidden width must be a multiple of its heads; received width {size} "
                    f"and heads={settings.heads}."
                )
        extra |= {"heads": settings.heads, "v2": settings.v2}
    return MODELS[settings.model](
        graph.num_features,
        hidden,
        settings.num_layers,
        out_channels,
        dropout,
        settings.act,
        norm=settings.norm,
        jk=settings.readout,
        gate=gate,
        gate_kwargs=gate_kwargs,
        **extra,
    )


def _heads(settings: Settings) -> int:
    return settings.heads if settings.model == "gat" else 1
