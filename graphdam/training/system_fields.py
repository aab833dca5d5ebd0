"""What can be set of the systems that make a network small without a gate."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from graphdam.baselines.frank_wolfe import Rescaling
from graphdam.baselines.norm_balls import BallKind
from graphdam.training.loader_fields import LoaderFields


class SystemFields(LoaderFields):
    """The settings of `graphdam.baselines`' systems, beside all others."""

    system: Literal["irrelevance", "aswl"] | None = Field(
        None, description="What masks weights while a model without gates is trained."
    )
    sparsity_weight: float = Field(
        0.0, ge=0, description="γ of irrelevance, λ of aswl: how hard weights are pressed to 0."
    )

    sensitivity: float = Field(
        1.0, gt=0, description="α of irrelevance: the gradient that counts as felt."
    )
    prune_step: float = Field(
        0.04, gt=0, le=1, description="T: the share of the weights left that one pruning masks."
    )
    prune_begin: float = Field(
        0.3, gt=0, lt=1, description="Share of the epochs in which the model stays dense."
    )
    prune_looks: int = Field(
        150,
        ge=2,
        description="Looks at validation over the whole run, each of which may prune.",
    )
    prune_patience: int = Field(
        10, ge=1, description="Looks within which validation must come back; pruning stops then."
    )
    lower_bound: float | None = Field(
        None,
        ge=0,
        le=1,
        description="The validation score below which nothing is pruned; None for the dense "
        "model's best less bound_tolerance.",
    )
    bound_tolerance: float = Field(
        0.01, ge=0, le=1, description="How far below the dense model's best score that bound lies."
    )

    ball: BallKind = Field(
        "group-k-support", description="Where Frank-Wolfe keeps the weights of a layer."
    )
    ball_share: float = Field(
        0.3, gt=0, le=1, description="k, as a share of filters, entries or singular values."
    )
    ball_radius: float = Field(
        10.0, gt=0, description="Radius of the ball, in units of the layer's initial norm."
    )
    rescaling: Rescaling = Field("gradient", description="What Frank-Wolfe's step is scaled by.")

    target_sparsity: float = Field(
        0.95, gt=0, lt=1, description="The share of zeros that aswl's penalty draws to."
    )
    initial_ratio: float = Field(
        0.1, gt=0, lt=1, description="Every layer's pruning ratio at the start (aswl)."
    )
    ratio_lr: float = Field(0.05, gt=0, description="Learning rate of the ratios' scores (aswl).")
    ratio_end: float = Field(
        0.6, gt=0, lt=1, description="Share of the epochs after which the ratios rest (aswl)."
    )

    removed_filters: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="Share of every layer's filters, the smallest, that is removed at the end "
        "without further training.",
    )


OF_IRRELEVANCE = (
    *("sensitivity", "prune_step", "prune_begin", "prune_looks", "prune_patience"),
    *("lower_bound", "bound_tolerance"),
)
OF_FRANK_WOLFE = ("ball", "ball_share", "ball_radius", "rescaling")
OF_ASWL = ("target_sparsity", "initial_ratio", "ratio_lr", "ratio_end")


def require_one_system(settings: SystemFields) -> None:
    """Refuse what belongs to another system, or to a model with gates.

    Raises:
        ValueError: what contradicts what, and which of them to leave out.
    """
    is_frank_wolfe = settings.optimiser == "frank-wolfe"
    meant: dict[str, bool] = dict.fromkeys(OF_IRRELEVANCE, settings.system == "irrelevance")
    meant |= dict.fromkeys(OF_FRANK_WOLFE, is_frank_wolfe)
    meant |= dict.fromkeys(OF_ASWL, settings.system == "aswl")
    meant["sparsity_weight"] = settings.system is not None
    for name, is_meant in meant.items():
        if not is_meant and getattr(settings, name) != _default(name):
            raise ValueError(
                f"{name}={getattr(settings, name)} is for the recipe {_recipe_of(name)}, and this "
                f"run is of recipe '{settings.recipe}': leave it out"
            )
    if settings.gate is not None:
        for name in ("system", "removed_filters"):
            if getattr(settings, name):
                raise ValueError(
                    f"{name}={getattr(settings, name)} is for models without gates, and "
                    f"gate='{settings.gate}' has them: leave one of them out"
                )
        if is_frank_wolfe:
            raise ValueError(
                f"optimiser='frank-wolfe' is for models without gates, and gate='{settings.gate}' "
                f"has them: take another optimiser"
            )
    if settings.system is not None and is_frank_wolfe:
        raise ValueError(
            f"system='{settings.system}' masks weights, which leaves Frank-Wolfe's balls: take "
            f"optimiser='adam' or 'sgd'"
        )
    meant = {"system": settings.system is not None, "optimiser": is_frank_wolfe}
    meant["removed_filters"] = settings.removed_filters > 0
    for name, is_meant in meant.items():
        if is_meant and settings.kind == "ratings":
            raise ValueError(
                f"{name}={getattr(settings, name)} is for graphs and images, and "
                f"dataset='{settings.dataset}' is a set of ratings: leave it out"
            )
    if settings.learns_embedding and (settings.system is not None or is_frank_wolfe):
        raise ValueError(
            f"recipe '{settings.recipe}' is for objectives that classify, and "
            f"objective='{settings.objective}' learns an embedding: leave it out"
        )


def _default(name: str) -> Any:
    return SystemFields.model_fields[name].default


def _recipe_of(name: str) -> str:
    if name == "sparsity_weight":
        return "'irrelevance' or 'aswl'"
    if name in OF_FRANK_WOLFE:
        return "'frank-wolfe'"
    return "'irrelevance'" if name in OF_IRRELEVANCE else "'aswl'"
