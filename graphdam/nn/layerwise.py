"""Inference a layer at a time, over blocks of nodes: what `forward` computes, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch_geometric.nn.norm import BatchNorm

from graphdam.data.csr import CSRMatrix
from graphdam.errors import SettingsError
from graphdam.nn.adjacency import Adjacency
from graphdam.nn.stack import ConvStack
from graphdam.nn.transformed import Tensors

Features = Tensor | CSRMatrix
BLOCK_ROWS = 16_384
"""Nodes of a block: so many that a call is cheap beside its work, and their memory small."""


@torch.no_grad()
def layerwise(
    encoder: ConvStack,
    x: Features,
    adjacency: Adjacency,
    *,
    block_rows: int = BLOCK_ROWS,
    embed: bool = False,
    read: Callable[[Features], Features] = lambda block: block,
) -> Tensor:
    """What `encoder(x, adjacency)` is, computed a layer at a time over blocks of nodes.

    Each layer first transforms the nodes, block by block in their order, and then aggregates, block
    by block again: every node is transformed once, features are read from one end to the other
    (they may lie on disk, in a memory-mapped tensor), and beside the blocks no more is held than
    a layer's inputs or outputs and what its nodes send.

    Args:
        encoder: in evaluation mode, or in training mode, where dropout acts.
        x: node features [N, in_channels].
        adjacency: from `encoder.prepare`.
        block_rows: nodes of a block.
        embed: stop where `encoder.embed` does.
        read: what is done to a block of features before the first layer reads it.

    Raises:
        SettingsError: a norm that looks at all nodes at once, or jumping knowledge that reads
            all layers of them.
    """
    require_blocks(encoder)
    adjacency.check_fits(encoder.adjacency_kind, x.size(0))
    for gate in encoder.gates:
        gate.draw_sample()  # type: ignore[operator]
    embed = embed and not encoder.output_is_embedding
    blocks = list(_blocks(x.size(0), block_rows))
    h: Features = x
    for layer in range(encoder.num_layers):
        if embed and not encoder._is_hidden(layer):
            break
        sent, own = _transformed(encoder, layer, h, blocks, read if layer == 0 else None)
        h = _aggregated(encoder, layer, sent, own, adjacency.matrix, blocks)
    assert isinstance(h, Tensor)
    if embed:
        return h
    if encoder.jk_mode is not None:
        h = torch.cat([encoder.lin(h[start:stop]) for start, stop in blocks])
    return encoder._gate_output(h)


def require_blocks(encoder: ConvStack) -> None:
    """Refuse what cannot be computed of some nodes at a time.

    Raises:
        SettingsError: see `layerwise`.
    """
    for norm in encoder.norms:
        if not isinstance(norm, nn.Identity | nn.BatchNorm1d | BatchNorm):
            raise SettingsError(
                f"norm '{type(norm).__name__}' looks at all nodes at once, and a batch holds some: "
                f"use norm='batch_norm' or none."
            )
    if encoder.jk_mode not in (None, "last"):
        raise SettingsError(
            f"jk='{encoder.jk_mode}' reads every layer of all nodes at once, and a batch holds "
            f"some of them: use jk='last' or none."
        )


def _blocks(num_nodes: int, block_rows: int) -> Iterator[tuple[int, int]]:
    for start in range(0, num_nodes, block_rows):
        yield start, min(start + block_rows, num_nodes)


def _transformed(
    encoder: ConvStack,
    layer: int,
    h: Features,
    blocks: list[tuple[int, int]],
    read: Callable[[Features], Features] | None,
) -> tuple[Tensors, Tensors]:
    """What all nodes send, and what they keep."""
    whole: tuple[Tensor, ...] = ()
    num_sent = 0
    for start, stop in blocks:
        rows = h.block(start, stop) if isinstance(h, CSRMatrix) else h[start:stop]
        rows = rows if read is None else read(rows)
        sent, own = encoder.transform(encoder.conv(layer), rows, stop - start)
        if not whole:
            num_sent = len(sent)
            whole = tuple(part.new_empty(h.size(0), *part.shape[1:]) for part in (*sent, *own))
        for target, part in zip(whole, (*sent, *own), strict=True):
            target[start:stop] = part
    return whole[:num_sent], whole[num_sent:]


def _aggregated(
    encoder: ConvStack,
    layer: int,
    sent: Tensors,
    own: Tensors,
    matrix: CSRMatrix,
    blocks: list[tuple[int, int]],
) -> Tensor:
    """The layer's output for all nodes, norm, activation, gate and dropout included."""
    out: Tensor | None = None
    for start, stop in blocks:
        kept = tuple(part[start:stop] for part in own)
        h = encoder.aggregate(encoder.conv(layer), sent, kept, matrix.block(start, stop))
        if encoder._is_finished(layer):
            h = encoder._finish_layer(layer, h)
        if encoder._is_hidden(layer):
            h = encoder.dropout(h)
        if out is None:
            out = h.new_empty(matrix.size(0), h.size(1))
        out[start:stop] = h
    assert out is not None
    return out
