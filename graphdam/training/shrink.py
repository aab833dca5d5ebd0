"""A trained model without its smallest filters, really smaller, and what a cut model needs."""

from __future__ import annotations

from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from graphdam.baselines import largest_filters, largest_gated_filters
from graphdam.nn import Encoder, ImageModel
from graphdam.nn.surgery import compact
from graphdam.training.model import Model
from graphdam.training.task import Task
from graphdam.training.trainer import seeded

M = TypeVar("M", bound=nn.Module)


def without_smallest_filters(model: Model, removed: float) -> Model:
    """A smaller model: every layer loses this share of its channels, those of least L1 norm.

    Args:
        model: without gates; not changed.
        removed: at least 0 and below 1.
    """
    if isinstance(model, ImageModel):
        return model.keeping(partial(largest_gated_filters, removed=removed))
    assert isinstance(model, Encoder)  # settings refuse it for ratings
    return compact(model, largest_filters(model, model.channel_groups(), removed=removed))


def with_fresh_statistics(model: M, task: Task[Any, Any], *, seed: int) -> M:
    """A cut model whose batch norms have the means and variances of what now reaches them.

    They are taken over one epoch of training data, as in `"EagleEye: Fast Sub-net Evaluation for
    Efficient Neural Network Pruning" <https://arxiv.org/abs/2007.02491>`_; no weight changes.
    Without a batch norm nothing happens.

    Args:
        model: changed in place.
        task: what it was trained on.
        seed: of the epoch's order.
    """
    prepared = task.prepare(model, task.build_objective(model, seed=seed))
    with seeded(seed, next(model.parameters()).device):
        update_bn(prepared.batches(), _Reader(model))
    return model.eval()


class _Reader(nn.Module):
    """Reads what a step reads."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Any) -> Tensor:
        outputs: Tensor = batch.outputs(self.model)
        return outputs
