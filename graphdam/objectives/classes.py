"""How far two models' classes lie apart, whatever it is that they classify."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def divergence(outputs: Tensor, taught: Tensor) -> Tensor:
    r"""The mean of :math:`\mathrm{KL}(\mathrm{softmax}(t_i) \,\Vert\, \mathrm{softmax}(z_i))`.

    As in `"Distilling the Knowledge in a Neural Network" <https://arxiv.org/abs/1503.02531>`_ at
    temperature 1.

    Args:
        outputs: z [N, C], before the softmax.
        taught: t [N, C], likewise.
    """
    return F.kl_div(
        outputs.log_softmax(-1), taught.log_softmax(-1), reduction="batchmean", log_target=True
    )


def divergences(outputs: Tensor, taught: Tensor) -> Tensor:
    """The divergence of every row [N], whose mean `divergence` is."""
    each = F.kl_div(
        outputs.log_softmax(-1), taught.log_softmax(-1), reduction="none", log_target=True
    )
    return each.sum(-1)


def outcomes_apart(outputs: Tensor, taught: Tensor) -> Tensor:
    """Of each yes or no, how far its chance in one model lies from that in the other [N, T]."""
    yes, log_yes, log_no = taught.sigmoid(), F.logsigmoid(taught), F.logsigmoid(-taught)
    apart = yes * (log_yes - F.logsigmoid(outputs))
    return apart + (1 - yes) * (log_no - F.logsigmoid(-outputs))


def same_outcomes_for_all(taught: Tensor) -> Tensor:
    """The mean chances, as outputs [N, T]: the nearest of those equal in all rows."""
    return taught.sigmoid().mean(0, keepdim=True).logit().expand_as(taught)


def same_for_all(taught: Tensor) -> Tensor:
    """The mean of the predictions, as outputs [N, C]: the nearest of those equal in all rows."""
    return taught.softmax(-1).mean(0, keepdim=True).log().expand_as(taught)
