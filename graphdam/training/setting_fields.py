"""What can be set of a run, and what follows from it at once."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from graphdam.data import is_image_set
from graphdam.data.registry import DataKind
from graphdam.training.autoencoder_recipes import RECONSTRUCTION
from graphdam.training.kinds import OBJECTIVES_BY_KIND
from graphdam.training.model_fields import ModelFields

REACH = 6.0
"""How far an offset can move while the width does: its range, 5, and some for the brake."""

FAN_OUT = (15, 10, 5)
"""The neighbours that a batch samples for a node, first for the seeds; then the last number."""


class SettingFields(ModelFields):
    """Every setting by itself; whether they agree is for `Settings` to say."""

    epochs: int = Field(
        300,
        ge=1,
        description="Full-batch steps of a graph, passes over its nodes in batches, or over images "
        "or ratings.",
    )
    batch_size: int | None = Field(
        None,
        ge=1,
        description="Images or ratings a step, at most, or seed nodes, whose neighbourhoods are "
        "sampled (nodes of a subgraph, see loader); None for all of them in one, or for what "
        "memory_budget allows.",
    )
    neighbors: tuple[int, ...] | None = Field(
        None,
        description="The most neighbours that a batch samples for a node, first for the seeds: a "
        "number a layer, or one for all; −1 for all of them, None for 15,10,5,5, …",
    )
    memory_budget: float | None = Field(
        None,
        gt=0,
        description="GiB that a run on a graph may take, by estimate: it trains on the whole graph "
        "where that fits, and on batches where it does not.",
    )
    augment: bool = Field(False, description="Crop and mirror images at random (CIFAR).")
    imitation_shift: int = Field(
        0,
        ge=0,
        description="Pixels by which images move at random, both ways, where the gated model "
        "imitates its teacher, which itself learns from images as they are.",
    )
    optimiser: Literal["adam", "sgd", "frank-wolfe"] = Field(
        "adam", description="What moves the weights; sgd and frank-wolfe have momentum."
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="Of sgd and frank-wolfe.")
    lr_schedule: Literal["constant", "cosine", "linear", "step"] = Field(
        "constant",
        description="Learning rate of the weights over the epochs; cosine and linear end at 0, "
        "step is a tenth in the second half.",
    )
    lr: float = Field(
        0.01,
        ge=0,
        description="Learning rate, wide model; at 0 an embedding's weights stay random.",
    )
    weight_decay: float = Field(5e-4, ge=0, description="L2 penalty of the weights, wide model.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout after hidden layers, wide model.")

    gate: Literal["dam", "l1", "l0"] | None = Field(
        "dam", description="The gates; None trains the wide model."
    )
    start_width: int = Field(64, ge=1, description="Hidden width at which the gated model starts.")
    min_width: int = Field(
        2,
        ge=0,
        description="Channels that stay open in every layer; 0 lets residual branches vanish.",
    )
    gate_output: bool = Field(
        False,
        description="Learn a width for the embedding too: every convolution is gated, and a linear "
        "layer classifies what the last one makes.",
    )
    target_width: tuple[int, ...] | None = Field(
        None,
        description="An exact final width (one number, or one a hidden layer), not a learnt one.",
    )
    max_parameters: int | None = Field(
        None, ge=1, description="The most parameters that the compact model may have."
    )
    max_multiply_adds: int | None = Field(
        None, ge=1, description="The most multiply-adds that one inference may take."
    )
    gated_lr: float = Field(0.02, gt=0, description="Learning rate, gated model.")
    gated_weight_decay: float = Field(
        1.0, ge=0, description="Weight decay of the gated model; large where it is decoupled."
    )
    decoupled: bool = Field(
        True, description="Decay the gated model's weights as AdamW does, not by an L2 penalty."
    )
    gated_dropout: float = Field(
        0.0, ge=0, lt=1, description="Dropout after hidden layers, gated model."
    )
    nested: bool = Field(
        False,
        description="Train prefixes of the channels as models of their own (Matryoshka): each step "
        "descends the mean loss of the whole model and of all its halvings.",
    )
    penalty_weight: float = Field(1.0, ge=0, description="λ: how hard the width is pressed.")
    initial_offset: float | None = Field(
        None,
        description="β at the start: 1 in the paper; None for where the last channel just opens.",
    )
    gate_lr: float | None = Field(
        None,
        gt=0,
        description="Learning rate of the gates' offsets; None lets them cross their whole range "
        "within the epochs in which the width moves.",
    )
    gate_optimiser: Literal["adam", "sgd"] = Field(
        "adam", description="What moves the gates' parameters."
    )
    gate_begin: float = Field(
        0.1, ge=0, le=1, description="Share of the epochs after which the width starts to move."
    )
    gate_end: float = Field(
        0.6, ge=0, le=1, description="Share of the epochs after which the width is final."
    )
    final_steepness: float = Field(
        31.0, ge=1, description="Steepness of the gates at the end; 1 leaves them soft."
    )

    teacher: bool = Field(True, description="Train a wide teacher in the same run.")
    teacher_end: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the epochs after which the teacher rests at its best one, and the "
        "gated model learns from that; 1 lets it learn on to the end, 0 is for one that was "
        "trained before.",
    )
    teacher_from: str | None = Field(
        None,
        description="A finished run, or the folder of a saved model, whose model is the teacher; "
        "it takes no step unless teacher_end is given.",
    )
    keeps_nearest: bool = Field(
        False,
        description="Of the epochs at the final width the one nearest to the teacher is kept (once "
        "it rests, if it does), not the one that validation puts first.",
    )
    brake_tolerance: float = Field(
        2.5,
        gt=0,
        description="How far the gated model may lie from its teacher before λ lets go, in units "
        "of the teacher's own spread under dropout; of its own least distance so far, where no "
        "dropout disturbs the teacher.",
    )
    brake_loss: float = Field(
        0.25,
        gt=0,
        description="λ lets go as well when the gated model misses more than this share of what "
        "the teacher's predictions tell about the nodes.",
    )
    brake_errors: float = Field(
        1.0,
        gt=0,
        description="λ lets go as well when validation puts the gated model this many standard "
        "errors below its teacher.",
    )
    decay_relief: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Share by which the gated model's weight decay falls an epoch as long as it "
        "alone keeps the model further than that from its teacher.",
    )
    task_weight: float = Field(
        1.0,
        ge=0,
        description="Weight of a labelled node's own loss beside a teacher; imitating the teacher "
        "on a node counts 1.",
    )
    fallback_margin: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Where the width was learnt and validation puts the gated model further below "
        "its teacher than this (and than chance moves the score), the wide model is handed back; "
        "1 for never.",
    )

    @field_validator("target_width", "neighbors", mode="before")
    @classmethod
    def _one_number_is_a_list_of_one(cls, value: object) -> object:
        return (value,) if isinstance(value, int) else value

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("one or more different numbers from 0 on are accepted")
        return seeds

    def offset_lr(self, steps: int = 1) -> float:
        """The learning rate of the gates' offsets, which Adam moves by about as much a step.

        Args:
            steps: those of an epoch.
        """
        if self.gate_lr is not None:
            return self.gate_lr
        return REACH / max(1, round((self.gate_end - self.gate_begin) * self.epochs * steps))

    @property
    def fan_out(self) -> tuple[int, ...]:
        """How many neighbours a batch samples for a node, a number a layer, first for the seeds."""
        given = self.neighbors or (FAN_OUT + FAN_OUT[-1:] * self.num_layers)[: self.num_layers]
        return given * self.num_layers if len(given) == 1 else given

    @property
    def limits(self) -> dict[str, int]:
        """The most that the compact model may cost, by kind of cost."""
        given = {"parameters": self.max_parameters, "multiply_adds": self.max_multiply_adds}
        return {kind: limit for kind, limit in given.items() if limit is not None}

    @property
    def learns_width(self) -> bool:
        """Whether neither a target nor a budget says where the widths end."""
        return self.gate is not None and self.target_width is None and not self.limits

    @property
    def learns_embedding(self) -> bool:
        """Whether the encoder's output is an embedding, which is gated like a hidden layer."""
        by_labels = ("-classification", "-regression")
        return self.kind == "graphs" and not self.objective.endswith(by_labels)

    @property
    def rebuilds_links(self) -> bool:
        """Whether links are what the encoder is trained on and scored by."""
        return self.objective in ("gae", "vgae")

    @property
    def kind(self) -> DataKind:
        """What the run is about, as its objective says."""
        if self.reconstructs:
            return "images" if is_image_set(self.dataset) else "points"
        for kind, objective in OBJECTIVES_BY_KIND.items():
            if self.objective == objective:
                return kind
        return "graphs"

    @property
    def reconstructs(self) -> bool:
        """Whether the run is about an autoencoder."""
        return self.objective == RECONSTRUCTION

    @property
    def teacher_rests_from(self) -> int:
        """The first epoch in which the teacher no longer learns."""
        return round(self.teacher_end * self.epochs)

    @property
    def teacher_was_trained(self) -> bool:
        """Whether the teacher has learnt before the run, from the data as it is."""
        return self.teacher_from is not None or self.teacher_end == 0

    @property
    def disturbs_teacher(self) -> bool:
        """Whether dropout reaches anything in the teacher, so that its outputs have a spread."""
        if self.kind != "graphs":
            return self.dropout > 0 or (self.kind == "ratings" and self.adjacency_dropout > 0)
        has_hidden = self.num_layers > 1 or self.readout is not None
        reaches = self.dropout > 0 and (has_hidden or self.model == "gat")
        return reaches or self.feature_dropout > 0

    @property
    def embedding_width(self) -> int:
        """Width of the wide model's embedding, where the objective learns one."""
        return self.embedding_channels or self.hidden_channels

    @property
    def readout(self) -> Literal["last", "cat", "max", "lstm"] | None:
        """Jumping knowledge, or the plain linear layer that reads a gated embedding."""
        return "last" if self.gate_output and self.jk is None else self.jk

    @property
    def num_hidden(self) -> int:
        """Layers with a width of their own; an embedding that is learnt is one of them."""
        if self.learns_embedding:
            return self.num_layers
        return self.num_layers if self.readout is not None else self.num_layers - 1
