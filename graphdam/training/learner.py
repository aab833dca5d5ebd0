"""A model with its optimiser and the parameters of its best epoch."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from graphdam.baselines import FrankWolfe, NormBall, balls_of
from graphdam.gates import gates_of, parameter_groups
from graphdam.objectives import Evaluation, Prepared
from graphdam.training.checkpoint import (
    Checkpoint,
    module_tensors,
    optimiser_tensors,
    restore_optimiser,
)
from graphdam.training.model import AnyObjective, Model
from graphdam.training.settings import Settings
from graphdam.training.system import system_of
from graphdam.training.team import current_team


@dataclass(frozen=True)
class Chosen:
    """The epoch that is kept and what validation scored there; how far the teacher was, or the
    merit that its system gave it, if that decided."""

    epoch: int
    score: float
    loss: float
    distance: float | None = None
    merit: float = 0.0

    @property
    def rank(self) -> tuple[float, float, float]:
        """The higher, the better."""
        if self.distance is not None:
            return -self.distance, 0.0, 0.0
        return self.merit, self.score, -self.loss


class Learner:
    """A model with its optimisers and the parameters of its best epoch.

    Where nothing tells training from evaluation (`is_steady`), a look at the outputs after one step
    is the forward pass of the next.

    Args:
        encoder: gated or not.
        settings: see `Settings`.
        objective: whose own parameters are trained too, or None.
        prepared: what it learns from.
    """

    def __init__(
        self,
        encoder: Model,
        settings: Settings,
        objective: AnyObjective | None,
        prepared: Prepared,
    ) -> None:
        self.encoder = encoder
        self.settings = settings
        gated = bool(gates_of(encoder))
        is_noisy = gated or settings.disturbs_teacher or settings.norm is not None
        self.system = system_of(settings, encoder, prepared.num_batches)
        self.is_lowered = settings.precision != "float32"
        disturbed = is_noisy or self.is_lowered or self.system.is_masking
        self.is_steady = prepared.is_whole and not disturbed
        self.ahead: Tensor | None = None
        self.team = current_team()
        self.weight_decay = settings.gated_weight_decay if gated else settings.weight_decay
        self.lr = settings.gated_lr if gated else settings.lr
        groups = parameter_groups(
            encoder,
            lr=self.lr,
            gate_lr=settings.offset_lr(prepared.num_batches),
            weight_decay=self.weight_decay,
        )
        if objective is not None:
            groups[0]["params"] = [*groups[0]["params"], *objective.parameters()]
        beside = self.system.parameters()
        if beside:
            groups.append({"params": beside, "lr": settings.ratio_lr, "weight_decay": 0.0})
        balls = balls_for(settings, encoder)
        decoupled = gated and settings.decoupled
        self.optimisers = _optimisers(settings, groups, balls, decoupled=decoupled)
        self.chosen: Chosen | None = None
        self.best: dict[str, Tensor] = {}
        self.last: deque[dict[str, Tensor]] = deque(maxlen=settings.ensemble)

    @property
    def device(self) -> torch.device:
        return next(self.encoder.parameters()).device

    def begin_epoch(self, epoch: int) -> None:
        """Take the learning rate of this epoch."""
        self.system.begin_epoch(epoch)
        share = epoch / self.settings.epochs
        match self.settings.lr_schedule:
            case "cosine":
                self._weights["lr"] = self.lr * (1 + math.cos(math.pi * share)) / 2
            case "linear":
                self._weights["lr"] = self.lr * (1 - share)
            case "step":
                self._weights["lr"] = self.lr * (0.1 if share >= 0.5 else 1)

    def outputs(self, objective: AnyObjective, prepared: Prepared) -> Tensor:
        """In training mode, with gradient: what a step starts from."""
        encoder, ahead, self.ahead = self.encoder.train(), self.ahead, None
        if ahead is not None:
            return ahead
        outputs = objective.outputs(encoder, prepared)
        return outputs.float() if self.is_lowered else outputs

    def quiet_outputs(self, objective: AnyObjective, prepared: Prepared) -> Tensor:
        """In evaluation mode, without gradient."""
        with torch.set_grad_enabled(self.is_steady):
            outputs = objective.outputs(self.encoder.eval(), prepared)
        self.ahead = outputs if self.is_steady else None
        return outputs.detach()

    def step(self, loss: Tensor, *, decay: float = 1.0) -> None:
        """One step down the loss, with this share of the weight decay."""
        self._weights["weight_decay"] = decay * self.weight_decay
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.team.average_gradients(
            parameter
            for optimiser in self.optimisers
            for group in optimiser.param_groups
            for parameter in group["params"]
        )
        self.system.before_step()
        for optimiser in self.optimisers:
            optimiser.step()
        self.system.after_step()

    def consider(self, epoch: int, val: Evaluation, *, distance: float | None = None) -> None:
        """Keep this epoch's parameters if it is better than those before, or one of an ensemble.

        It is if it scores higher, or as high at a lower loss; where a distance from the teacher is
        given, if that is smaller; where weights are pruned as long as the score is high enough, if
        fewer are left.
        """
        if distance is not None:
            (distance,) = self.team.agreed(distance)
        score, loss = self.team.agreed(val.score, val.loss)
        now = Chosen(epoch, score, loss, distance, self.system.merit)
        is_best = self.chosen is None or now.rank > self.chosen.rank
        if not is_best and self.settings.ensemble == 1:
            return
        state = {name: value.detach().clone() for name, value in self.encoder.state_dict().items()}
        self.last.append(state)
        if is_best:
            self.chosen, self.best = now, state

    def settle(self) -> Chosen:
        """Put the best epoch's parameters in place."""
        assert self.chosen is not None, "the last epoch is always eligible"
        self.ahead = None
        self.encoder.load_state_dict(self.best)
        self.encoder.eval()
        return self.chosen

    def tensors(self, name: str) -> dict[str, Tensor]:
        """What a checkpoint must hold of it."""
        tensors = module_tensors(f"{name}/now", self.encoder)
        for place, optimiser in zip(_PLACES, self.optimisers, strict=False):
            tensors |= optimiser_tensors(f"{name}/{place}", optimiser)
        tensors |= {f"{name}/system/{key}": value for key, value in self.system.tensors().items()}
        kept = {"best": self.best}
        if self.settings.ensemble > 1:
            kept |= {f"last-{at}": state for at, state in enumerate(self.last)}
        for place, state in kept.items():
            # a file holds every tensor once
            tensors |= {f"{name}/{place}/{key}": value.clone() for key, value in state.items()}
        return tensors

    def restore(self, name: str, checkpoint: Checkpoint) -> None:
        self.ahead = None
        self.encoder.load_state_dict(checkpoint.part(f"{name}/now"))
        for place, optimiser in zip(_PLACES, self.optimisers, strict=False):
            restore_optimiser(optimiser, checkpoint.part(f"{name}/{place}"))
        self.best = checkpoint.part(f"{name}/best")
        self.system.restore(checkpoint.part(f"{name}/system"), checkpoint.values["systems"][name])
        places = (f"{name}/last-{at}" for at in range(self.settings.ensemble))
        self.last.extend(state for place in places if (state := checkpoint.part(place)))
        chosen = checkpoint.values["chosen"][name]
        self.chosen = None if chosen is None else Chosen(**chosen)

    @property
    def _weights(self) -> dict[str, Any]:
        """The optimiser's options for everything but the gates."""
        return self.optimisers[0].param_groups[0]


_PLACES = ("adam", "gates")
"""Where a checkpoint holds the optimisers' states."""


def _optimisers(
    settings: Settings,
    groups: list[dict[str, Any]],
    balls: Mapping[nn.Parameter, NormBall],
    *,
    decoupled: bool,
) -> list[torch.optim.Optimizer]:
    """One for all, or one for the weights and one for the gates where they move unlike."""
    weights, *gates = groups
    parts = [groups]
    if gates and settings.optimiser != settings.gate_optimiser:
        parts = [[weights], gates]
    kinds = (settings.optimiser, settings.gate_optimiser)
    made: list[torch.optim.Optimizer] = []
    for part, kind in zip(parts, kinds, strict=False):
        if kind == "frank-wolfe":
            made.append(
                FrankWolfe(part, balls, momentum=settings.momentum, rescaling=settings.rescaling)
            )
        elif kind == "sgd":
            made.append(torch.optim.SGD(part, momentum=settings.momentum, fused=True))
        else:
            adam = torch.optim.AdamW if decoupled else torch.optim.Adam
            made.append(adam(part, fused=True))
    return made


def balls_for(settings: Settings, model: nn.Module) -> dict[nn.Parameter, NormBall]:
    """The balls that Frank-Wolfe keeps a model's weights in; none under another optimiser."""
    if settings.optimiser != "frank-wolfe":
        return {}
    return balls_of(model, settings.ball, share=settings.ball_share, multiple=settings.ball_radius)
