"""Several epochs' models in one answer."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from graphdam.objectives import Prepared
from graphdam.training.model import AnyObjective, Model


def scores_together(
    model: Model, states: Sequence[dict[str, Tensor]], objective: AnyObjective, scored: Prepared
) -> dict[str, float]:
    """What a model scores on test with the mean of its outputs at several epochs, by name.

    Args:
        model: gated or not.
        states: its parameters at each of the epochs; each is compacted by itself.
        objective: whose score it is.
        scored: validation and test.
    """
    outputs = []
    for state in states:
        one = copy.deepcopy(model)
        one.load_state_dict(state)
        outputs.append(objective.quiet_outputs(one.compact(), scored))
    _, test = objective.results(torch.stack(outputs).mean(dim=0), scored)
    return {f"{objective.metric}_ensemble": test[objective.metric]}
