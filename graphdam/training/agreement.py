"""Which settings contradict each other: data, model, objective, batches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from graphdam.data import IMAGE_SETS, POINT_SETS, RATING_SETS, kind_of
from graphdam.data.registry import DataKind, is_link_set
from graphdam.training.agreement_of_gates import numbers, require_agreeing_gates
from graphdam.training.autoencoder_recipes import AUTOENCODER, RECONSTRUCTION
from graphdam.training.image_recipes import IMAGE_MODELS, OF_ONE_MODEL
from graphdam.training.kinds import A_SET, ONLY_FOR, unused
from graphdam.training.rating_recipes import RATING_MODELS
from graphdam.training.setting_fields import SettingFields

MODELS_BY_KIND: dict[DataKind, Collection[str]] = {
    "graphs": ("gcn", "graphsage", "gat"),
    "images": (*IMAGE_MODELS, AUTOENCODER),
    "points": (AUTOENCODER,),
    "ratings": RATING_MODELS,
}

_SETS: dict[DataKind, Collection[str]] = {"images": IMAGE_SETS, "ratings": RATING_SETS}


def require_agreement(settings: SettingFields) -> None:
    """Refuse settings that cannot all be meant.

    Raises:
        ValueError: what contradicts what, and which of them to leave out.
    """
    _require_one_kind(settings)
    _require_embedding(settings)
    if settings.kind == "graphs":
        _require_labels(settings)
        _require_batches(settings)
    require_agreeing_gates(settings)


def _require_one_kind(settings: SettingFields) -> None:
    """Data, model, objective and all else are about one kind of data."""
    dataset, model, kind = settings.dataset, settings.model, kind_of(settings.dataset)
    if model == AUTOENCODER or kind == "points" or settings.reconstructs:
        _require_autoencoder(settings)
    of_model = _kind_read_by(model)
    fits = model in MODELS_BY_KIND[kind]
    if not fits and kind == "graphs":
        raise ValueError(
            f"model='{model}' reads {of_model}, and dataset='{dataset}' is no set of {of_model}: "
            f"take one of {', '.join(_SETS[of_model])}, or a model of graphs "
            f"({', '.join(MODELS_BY_KIND[kind])})"
        )
    if not fits:
        raise ValueError(
            f"model='{model}' reads {of_model}, and dataset='{dataset}' is {A_SET[kind]}: take "
            f"{_one_of(MODELS_BY_KIND[kind])}, or {A_SET[of_model]}"
        )
    if settings.kind != kind:
        raise ValueError(
            f"objective='{settings.objective}' is not for {kind}, and dataset='{dataset}' is "
            f"{'one' if kind == 'graphs' else 'a set of them'}: leave it out"
        )
    for name, unused_value in unused(kind).items():
        # an autoencoder has activations to choose
        meant = name == "act" and settings.reconstructs
        if getattr(settings, name) != unused_value and not meant:
            raise ValueError(
                f"{name}={_told(getattr(settings, name))} is for "
                f"{' and '.join(ONLY_FOR[name][0])}, and dataset='{dataset}' is {A_SET[kind]}: "
                f"leave it out"
            )
    for name, whose in OF_ONE_MODEL.items() if kind in ("images", "points") else ():
        given = getattr(settings, name)
        if model != whose and given != unused("graphs").get(name, 0.0):
            raise ValueError(f"{name}={_told(given)} is for {whose}, not for {model}: leave it out")
    if kind in ("graphs", "ratings") and settings.min_width == 0:
        raise ValueError(
            f"min_width=0 is for branches beside a residual path, which models of {kind} have not: "
            "the smallest is 1"
        )


def _require_autoencoder(settings: SettingFields) -> None:
    """An autoencoder rebuilds images or points, and nothing else does."""
    dataset, model, objective = settings.dataset, settings.model, settings.objective
    kind = kind_of(dataset)
    if kind not in ("images", "points"):
        raise ValueError(
            f"an autoencoder reads images or points, and dataset='{dataset}' is {A_SET[kind]}: "
            f"take one of {', '.join((*IMAGE_SETS, *POINT_SETS))}"
        )
    if model != AUTOENCODER or objective != RECONSTRUCTION:
        raise ValueError(
            f"model='{model}' and objective='{objective}' do not go together on "
            f"dataset='{dataset}': model='{AUTOENCODER}' is what learns '{RECONSTRUCTION}', and "
            f"learns nothing else"
        )
    for name in ("augment", "imitation_shift"):
        if getattr(settings, name):
            raise ValueError(
                f"{name}={getattr(settings, name)} is for models that tell classes; an autoencoder "
                f"rebuilds images as they are: leave it out"
            )
    if settings.decoder == "quadratic" and settings.decoder_widths:
        raise ValueError(
            f"decoder='quadratic' is one layer, and decoder_widths="
            f"{numbers(settings.decoder_widths)} are of several: leave one of them out"
        )


def _kind_read_by(model: str) -> DataKind:
    return next(kind for kind, models in MODELS_BY_KIND.items() if model in models)


def _one_of(names: Collection[str]) -> str:
    return f"one of {', '.join(names)}" if len(names) > 1 else ", ".join(names)


def _told(value: Any) -> str:
    return numbers(value) if isinstance(value, tuple) else str(value)


def _require_labels(settings: SettingFields) -> None:
    """A named graph has the labels that its objective needs."""
    if is_link_set(settings.dataset) and not settings.rebuilds_links:
        raise ValueError(
            f"dataset='{settings.dataset}' has links to predict and no labels, which objective="
            f"'{settings.objective}' needs: take objective='gae' or 'vgae'"
        )


def _require_batches(settings: SettingFields) -> None:
    """A graph is read in batches where that is possible, and their settings mean something."""
    for name in ("batch_size", "neighbors", "memory_budget"):
        given = getattr(settings, name)
        if given is None:
            continue
        told = _told(given)
        if settings.learns_embedding:
            raise ValueError(
                f"{name}={told} is for node-classification; {settings.objective} reads the whole "
                f"graph in every step: leave it out"
            )
        if settings.nested:
            raise ValueError(
                f"{name}={told} does not go with nested=True, whose prefixes read the whole graph "
                f"in every step: leave one of them out"
            )
    if settings.neighbors is None:
        return
    told = _told(settings.neighbors)
    if settings.batch_size is None and settings.memory_budget is None:
        raise ValueError(
            f"neighbors={told} is for batches, and the whole graph is read in every step: give "
            f"batch_size or memory_budget as well, or leave it out"
        )
    if len(settings.neighbors) not in (1, settings.num_layers):
        raise ValueError(
            f"neighbors={told} must be one number or one for each of the {settings.num_layers} "
            f"layers"
        )
    if any(number == 0 or number < -1 for number in settings.neighbors):
        raise ValueError(
            f"neighbors={told} must be numbers from 1 on, or −1 for all neighbours of a node"
        )


def _require_embedding(settings: SettingFields) -> None:
    """What an embedding needs is there, and nothing that it has no use for."""
    if not settings.learns_embedding:
        if settings.lr == 0:
            raise ValueError(
                f"lr=0 leaves the weights random, which {settings.objective} makes nothing of: "
                f"give a learning rate above 0, or take an objective that learns an embedding"
            )
        if settings.embedding_channels is not None:
            raise ValueError(
                f"embedding_channels={settings.embedding_channels} is for objectives that learn an "
                f"embedding, which {settings.objective} does not: leave it out"
            )
        return
    for name in ("gate_output", "jk", "feature_dropout"):
        given, objective = getattr(settings, name), settings.objective
        if given:
            raise ValueError(
                f"{name}={given} is for node-classification; {objective} learns the embedding that "
                f"the last convolution writes: leave it out"
            )
