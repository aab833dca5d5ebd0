"""Stochastic Frank-Wolfe: training inside balls whose corners are sparse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from graphdam.baselines.masks import weights_of
from graphdam.baselines.norm_balls import (
    BallKind,
    GroupKSupportBall,
    KSparsePolytope,
    KSupportBall,
    L2Ball,
    NormBall,
)
from graphdam.baselines.spectral_ball import SpectralKSupportBall
from graphdam.errors import SettingsError, unknown_choice

Rescaling = Literal["gradient", "fast-gradient", "none"]


class FrankWolfe(torch.optim.Optimizer):
    r"""The optimiser of `"Compression-aware Training of Neural Networks using Frank-Wolfe"
    <https://arxiv.org/abs/2205.11921>`_.

    .. math::
        m \leftarrow \rho m + (1 - \rho) \nabla L, \qquad
        v = \arg\min_{v \in C} \langle m, v \rangle, \qquad
        w \leftarrow w + \eta' (v - w)

    with the momentum ρ, a layer's ball C, and the step η' = η · s, at most 1, of the learning rate
    η. The factor s is the rescaling: :math:`\|m\| / \|v - w\|` ("gradient": a step as long as
    gradient descent's), :math:`\|m\|` over half the ball's diameter ("fast-gradient"), or 1
    ("none"). Each new w is a mean of two points in C, so it lies in C; weights that begin outside
    are pulled in (`NormBall.pull_inside`). Parameters without a ball (biases, norms) take steps
    :math:`-\eta m`.

    Departures: the momentum starts as the first gradient; a weight decay, which the paper has no
    need of, is an L2 penalty's; in large spectral balls v is nearly the minimiser
    (`NormBall.minimise_from`).

    Args:
        params: parameters, or groups of them.
        balls: the ball of each parameter that has one, see `balls_of`.
        lr: η.
        momentum: ρ.
        rescaling: s.
        weight_decay: of the parameters.

    Raises:
        SettingsError: a setting out of range; a ball for a parameter that is not among `params`,
            or of another shape.

    >>> model = nn.Linear(8, 4)
    >>> optimiser = FrankWolfe(model.parameters(), balls_of(model, "group-k-support"))
    >>> model(torch.ones(2, 8)).sum().backward()
    >>> optimiser.step()
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        balls: Mapping[nn.Parameter, NormBall],
        *,
        lr: float = 0.1,
        momentum: float = 0.9,
        rescaling: Rescaling = "gradient",
        weight_decay: float = 0.0,
    ) -> None:
        if lr < 0 or weight_decay < 0 or not 0 <= momentum < 1:
            raise SettingsError(
                f"Frank-Wolfe takes lr and weight_decay of 0 or more and a momentum from 0 to "
                f"below 1; received {lr:g}, {weight_decay:g} and {momentum:g}."
            )
        if rescaling not in get_args(Rescaling):
            raise SettingsError(unknown_choice("rescaling", rescaling, get_args(Rescaling)))
        super().__init__(
            params,
            {"lr": lr, "momentum": momentum, "rescaling": rescaling, "weight_decay": weight_decay},
        )
        self.balls = dict(balls)
        held = {id(p) for group in self.param_groups for p in group["params"]}
        for parameter, ball in self.balls.items():
            if id(parameter) not in held:
                raise SettingsError(
                    f"A ball is for a parameter of shape {tuple(parameter.shape)} that the "
                    f"optimiser was not given: balls and parameters must be of one model."
                )
            if parameter.shape != ball.shape:
                raise SettingsError(
                    f"A ball over weights of shape {tuple(ball.shape)} was given for a parameter "
                    f"of shape {tuple(parameter.shape)}: make it for that parameter."
                )
        with torch.no_grad():
            for parameter, ball in self.balls.items():
                parameter.copy_(ball.pull_inside(parameter))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of every parameter that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, self._momentum(weight, group), group)
        return loss

    def _momentum(self, weight: Tensor, group: dict[str, Any]) -> Tensor:
        gradient, state = weight.grad, self.state[weight]
        assert gradient is not None
        if group["weight_decay"] != 0:
            gradient = gradient.add(weight, alpha=group["weight_decay"])
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = gradient.clone()
        else:
            state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        average: Tensor = state["momentum_buffer"]
        return average

    def _move(self, weight: Tensor, average: Tensor, group: dict[str, Any]) -> None:
        ball = self.balls.get(weight)  # type: ignore[call-overload]
        if ball is None:
            weight.sub_(average, alpha=group["lr"])
            return
        state = self.state[weight]
        corner, start = ball.minimise_from(average, state.get("start"))
        if start is not None:
            state["start"] = start
        way = corner.sub_(weight)
        step = torch.as_tensor(group["lr"], dtype=weight.dtype, device=weight.device)
        if group["rescaling"] != "none":
            length = ball.diameter / 2
            if group["rescaling"] == "gradient":
                length = torch.linalg.vector_norm(way).clamp(min=torch.finfo(way.dtype).tiny)
            step = step * torch.linalg.vector_norm(average) / length
        weight.addcmul_(way, step.clamp(max=1))


def make_ball(
    kind: BallKind, weight: Tensor, *, share: float = 0.3, multiple: float = 10.0
) -> NormBall:
    r"""A ball for a layer's weights, as large as their initial norm says.

    The radius makes the corners' Euclidean norm :math:`c \|w_0\|_2`, with the multiple c and the
    initial weights :math:`w_0`: all kinds of balls are equally large for a layer.

    Args:
        kind: one of `BallKind`.
        weight: w₀.
        share: k, as a share of the entries, groups or singular values that there are; at least 1.
        multiple: c.

    Raises:
        SettingsError: an unknown kind, a share or a multiple out of range, weights that are zero.
    """
    if kind not in get_args(BallKind):
        raise SettingsError(unknown_choice("norm ball", kind, get_args(BallKind)))
    if not 0 < share <= 1:
        raise SettingsError(
            f"k is a share of a layer's entries, groups or singular values, above 0 and at most "
            f"1; received {share:g}."
        )
    size = float(torch.linalg.vector_norm(weight.detach()))
    if not (math.isfinite(multiple) and multiple > 0 and size > 0):
        raise SettingsError(
            f"The radius of a ball is a multiple of the weights' initial norm, and both are above "
            f"0; received the multiple {multiple:g} and a norm of {size:g}."
        )
    shape, radius = weight.shape, multiple * size

    def k_of(total: int) -> int:
        return max(1, round(share * total))

    match kind:
        case "l2":
            return L2Ball(shape, radius)
        case "k-sparse":
            k = k_of(shape.numel())
            return KSparsePolytope(shape, radius / math.sqrt(k), k=k)
        case "k-support":
            return KSupportBall(shape, radius, k=k_of(shape.numel()))
        case "group-k-support":
            return GroupKSupportBall(shape, radius, k=k_of(shape[0]))
        case "spectral-k-support":
            rank = min(shape[0], shape[1:].numel())
            return SpectralKSupportBall(shape, radius, k=k_of(rank))


def balls_of(
    model: nn.Module,
    kind: BallKind = "group-k-support",
    *,
    share: float = 0.3,
    multiple: float = 10.0,
) -> dict[nn.Parameter, NormBall]:
    """A ball for every weight matrix and filter of a model, sized by its present norm.

    Args:
        model: as it begins; see `weights_of` for what has a ball.
        kind: see `make_ball`, as for the rest.
        share: k.
        multiple: of the initial norm.

    Raises:
        SettingsError: see `make_ball`.
    """
    return {
        weight: make_ball(kind, weight, share=share, multiple=multiple)
        for weight in weights_of(model).values()
    }
