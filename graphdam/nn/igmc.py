"""IGMC: a rating from the enclosing subgraph of its user and its item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from os import PathLike
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn import RGCNConv

import graphdam.nn.slicing_relational  # noqa: F401  (registers the rules of R-GCN)
from graphdam.compaction import ChannelGroup, Consumer, apply_plan, num_outputs, plan_compaction
from graphdam.data.enclosing import NUM_ROLES, Enclosing, Workload
from graphdam.errors import ModelFileError
from graphdam.gates import Gate, width_penalty
from graphdam.nn.gating import make_gate
from graphdam.nn.pretrained import load_encoder, save_encoder
from graphdam.nn.relational import Relations, convolve, level_weights


class IGMC(nn.Module):
    r"""`"Inductive Matrix Completion Based on Graph Neural Networks"
    <https://arxiv.org/abs/1904.12058>`_, with a gate on its hidden layer as in `"Learning Compact
    Representations of Neural Networks using DiscriminAtive Masking"
    <https://arxiv.org/abs/2110.00684>`_.

    .. math::
        H^{(l+1)} = \tanh(\mathrm{RGCN}^{(l)}(H^{(l)})), \qquad
        \hat r = w^\top g \odot \mathrm{ReLU}(W [h_u; h_i] + b) + c

    where :math:`H^{(0)}` says by a one of four which role a node has, :math:`h_u` and :math:`h_i`
    hold the states of the target user and item after every convolution, side by side, and g are
    the gate's values. A node's role and the ratings around it are all that is read, so users and
    items that were never seen in training can be rated too.

    Departures: R-GCN takes one mean over all of a node's neighbours (`graphdam.nn.relational`), the
    last convolution is computed at the targets alone, which are all that is read of it, and
    `mean_rating` is what the output's bias c begins at.

    Args:
        num_levels: R, the values that a rating can have.
        conv_channels: width of each of the convolutions.
        hidden_channels: width of the hidden linear layer.
        num_bases: matrices that the R of a convolution are made of.
        dropout: of the hidden layer.
        adjacency_dropout: share of the ratings that a step forgets.
        mean_rating: see above.
        gate: None for a plain model; "dam", "l1", "l0", or a function of the number of channels,
            for a gate on the hidden layer.
        gate_convs: put a gate on every convolution as well; of a plain model, whether `widths`
            names theirs.

    Shapes: subgraphs of B pairs → [B], a rating each.

    >>> from graphdam.data.enclosing import KnownRatings
    >>> known = KnownRatings([0, 0, 1], [0, 1, 0], [2, 0, 1], shape=(2, 2), num_levels=3)
    >>> model = IGMC(3, gate="dam")
    >>> model(known.enclose([0, 1], [0, 1])).shape, model.widths
    (torch.Size([2]), [128])
    """

    def __init__(
        self,
        num_levels: int,
        *,
        conv_channels: Sequence[int] = (32, 32, 32, 32),
        hidden_channels: int = 128,
        num_bases: int = 4,
        dropout: float = 0.5,
        adjacency_dropout: float = 0.2,
        mean_rating: float = 0.0,
        gate: str | Callable[[int], Gate] | None = None,
        gate_convs: bool = False,
    ) -> None:
        super().__init__()
        self.config: dict[str, Any] = {
            "num_levels": num_levels,
            "conv_channels": list(conv_channels),
            "hidden_channels": hidden_channels,
            "num_bases": num_bases,
            "dropout": dropout,
            "adjacency_dropout": adjacency_dropout,
            "gate_convs": gate_convs,
        }
        self.dropout = dropout
        self.adjacency_dropout = adjacency_dropout
        inputs = [NUM_ROLES, *conv_channels[:-1]]
        self.convs = nn.ModuleList(
            RGCNConv(before, width, num_levels, num_bases=num_bases, aggr="sum")
            for before, width in zip(inputs, conv_channels, strict=True)
        )
        self.lin1 = nn.Linear(2 * sum(conv_channels), hidden_channels)
        self.lin2 = nn.Linear(hidden_channels, 1)
        nn.init.constant_(self.lin2.bias, mean_rating)
        self.gates = nn.ModuleList()
        if gate is not None:
            make = partial(make_gate, gate, arguments={}) if isinstance(gate, str) else gate
            self.gates.extend(map(make, self._told_widths()))

    def forward(self, subgraphs: Enclosing) -> Tensor:
        for gate in self._gates:
            gate.draw_sample()
        relations = Relations.of(
            subgraphs,
            dtype=self.lin1.weight.dtype,
            dropout=self.adjacency_dropout if self.training else 0.0,
        )
        pairs = subgraphs.num_pairs
        h = F.one_hot(subgraphs.roles, NUM_ROLES).to(self.lin1.weight.dtype)
        states = []
        for layer, conv in enumerate(self.convs):
            is_last = layer == len(self.convs) - 1
            rows = 2 * pairs if is_last else relations.num_nodes
            h = self._gated(layer, convolve(conv, h, relations, rows).tanh())
            states.append(h[: 2 * pairs])
        ends = torch.cat(states, dim=1)
        z = torch.cat([ends[:pairs], ends[pairs:]], dim=1)
        hidden = self._gated(len(self.convs), self.lin1(z).relu())
        out: Tensor = self.lin2(F.dropout(hidden, self.dropout, self.training))
        return out.squeeze(-1)

    def _gated(self, layer: int, h: Tensor) -> Tensor:
        """The hidden linear layer is the last; convolutions have gates or they have none."""
        at = layer - (len(self.convs) + 1 - len(self.gates))
        out: Tensor = self.gates[at](h) if at >= 0 else h
        return out

    @property
    def _gates(self) -> list[Gate]:
        return list(self.gates)  # type: ignore[arg-type]

    def _told_widths(self) -> list[int]:
        convs = self.config["conv_channels"] if self.config["gate_convs"] else []
        return [*convs, self.config["hidden_channels"]]

    @property
    def widths(self) -> list[int]:
        """Open channels: those of the convolutions where they are gated, of the hidden layer."""
        return [gate.width for gate in self._gates] or self._told_widths()

    def penalty(self) -> Tensor:
        """The mean of the gates' penalties: add it to the loss, times λ."""
        return width_penalty(self)

    def adjacent_rating_penalty(self) -> Tensor:
        r"""How unlike the matrices of neighbouring ratings are, a scalar.

        .. math:: \sum_l \sum_{r=1}^{R-1} \lVert W^{(l)}_{r+1} - W^{(l)}_r \rVert_F^2
        """
        steps = [level_weights(conv).diff(dim=0) for conv in self.convs]
        return torch.stack([step.square().sum() for step in steps]).sum()

    def channel_groups(self) -> list[ChannelGroup]:
        """Which layers write, gate and read each set of channels that has a width to tell."""
        sizes = self.config["conv_channels"]
        paths = [f"gates.{index}" if self.gates else None for index in range(len(sizes) + 1)]
        groups = []
        for layer, size in enumerate(sizes) if self.config["gate_convs"] else ():
            before = sum(sizes[:layer])
            readers = [Consumer("lin1", start=before), Consumer("lin1", start=sum(sizes) + before)]
            if layer + 1 < len(sizes):
                readers.append(Consumer(f"convs.{layer + 1}"))
            name = f"convolution {layer + 1}"
            groups.append(
                ChannelGroup(name, size, (f"convs.{layer}",), tuple(readers), gate=paths[layer])
            )
        hidden = ChannelGroup(
            "hidden",
            self.config["hidden_channels"],
            ("lin1",),
            (Consumer("lin2"),),
            gate=paths[len(groups)],
        )
        return [*groups, hidden]

    def compact(self, keep: Mapping[str, Tensor] | None = None) -> IGMC:
        """A new, physically smaller model without gates and with the same outputs.

        Args:
            keep: channels to keep by group name, where they are not the gate's open ones.
        """
        sliced = apply_plan(self, plan_compaction(self, self.channel_groups(), keep=keep))
        sizes = [num_outputs(conv) for conv in sliced.convs]  # type: ignore[union-attr]
        hidden = num_outputs(sliced.lin1)  # type: ignore[arg-type]
        with torch.random.fork_rng([]):  # weights that are replaced at once are drawn unfelt
            small = IGMC(**{**self.config, "conv_channels": sizes, "hidden_channels": hidden})
        small.to(self.lin1.weight)
        small.load_state_dict(sliced.state_dict())
        return small.train(self.training)

    def multiply_adds(self, work: Workload) -> int:
        """Multiply-adds for all the ratings of some subgraphs, as they are computed here."""
        total, levels = 0, self.config["num_levels"]
        for layer, conv in enumerate(self.convs):
            is_last = layer == len(self.convs) - 1
            nodes, edges = (
                (2 * work.pairs, work.target_edges) if is_last else (work.nodes, work.edges)
            )
            inputs, outputs = int(conv.in_channels_l), int(conv.out_channels)  # type: ignore[arg-type]
            total += edges * inputs + nodes * (levels + 1) * inputs * outputs
        return total + work.pairs * (self.lin1.weight.numel() + self.lin2.weight.numel())

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json` and the weights of a model without gates.

        Raises:
            ModelFileError: it has gates.
        """
        if self.gates:
            raise ModelFileError("This IGMC still has gates: save what its compact() returns.")
        save_encoder(self, folder)

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str]) -> IGMC:
        """The model that `save_pretrained` wrote, in evaluation mode.

        Raises:
            ModelFileError: nothing there, corrupted, or another model or version.
        """
        return load_encoder(cls, folder, known={"IGMC": IGMC})

    def __repr__(self) -> str:
        return f"IGMC(widths {', '.join(map(str, self.widths))})"
