r"""Multiply-adds of graph layers, by formulas that can be recomputed by hand.

Counted are products with weights and messages; biases, norms, activations and the softmax's
exponentials are not. :math:`e` is the number of input entries that a product touches: N · F_in
for dense features, nnz(X) for sparse ones. :math:`E'` is the number of messages: edges,
added self-loops included. Layers transform first and aggregate at their output width.
"""

from __future__ import annotations

from torch import nn


def num_parameters(model: nn.Module) -> int:
    """Learnable numbers of a model.

    >>> num_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in model.parameters())


def gcn_layer(input_entries: int, num_messages: int, width: int) -> int:
    r""":math:`e \cdot F + E' \cdot F`: transform, then sum.

    >>> gcn_layer(input_entries=2708 * 64, num_messages=13264, width=7)
    1306032
    """
    return (input_entries + num_messages) * width


def graphsage_layer(
    input_entries: int, num_messages: int, width: int, *, root_weight: bool = True
) -> int:
    r""":math:`2 e \cdot F + E \cdot F`: neighbours' and own transform, then the mean."""
    return ((2 if root_weight else 1) * input_entries + num_messages) * width


def gat_layer(
    input_entries: int, num_messages: int, num_nodes: int, width: int, *, v2: bool = False
) -> int:
    r"""With F channels of all heads together.

    GAT: :math:`e F + 2 N F + E' F`: transform, two scores a node, weighted sum. GATv2:
    :math:`2 e F + 2 E' F`: two transforms, one score a message, weighted sum.
    """
    if v2:
        return 2 * (input_entries + num_messages) * width
    return (input_entries + 2 * num_nodes + num_messages) * width
