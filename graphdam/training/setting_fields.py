"""What can be set of a run, and what follows from it at once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from graphdam.data import is_image_set
from graphdam.data.registry import DataKind
from graphdam.training.autoencoder_recipes import RECONSTRUCTION
from graphdam.training.kinds import OBJECTIVES_BY_KIND

REACH = 6.0
"""How far an offset can move while the width does: its range, 5, and some for the brake."""

FAN_OUT = (15, 10, 5)
"""The neighbours that a batch samples for a node, first for the seeds; then the last number."""


class SettingFields(BaseModel):
    """Every setting by itself; whether they agree is for `Settings` to say."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    recipe: str = Field("default", description="The named recipe that the other settings vary.")

    dataset: str = Field(
        "digits",
        description="Name of a graph, of a set of images or of ratings; or path of your own graph, "
        "or of a CSV file of your own ratings.",
    )
    split: str | None = Field(None, description="Kind of split; None for the data set's own.")
    seeds: tuple[int, ...] = Field((0,), description="One training run for each.")
    device: str = Field(
        "auto", description="cpu, cuda, cuda:1 …; auto takes a GPU if there is one."
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads; None for 1 on small graphs and all cores on large ones.",
    )
    precision: Literal["float32", "bf16"] = Field(
        "float32",
        description="bf16 takes training steps in bfloat16 where torch's autocast does (products "
        "of dense matrices, convolutions); parameters, looks at validation and what is handed back "
        "stay float32. It pays on GPUs and CPUs with instructions for it, and in wide models.",
    )

    model: Literal[
        "gcn", "graphsage", "gat", "mlp", "lenet5", "vgg16", "preresnet", "autoencoder", "igmc"
    ] = Field(
        "gcn",
        description="The encoder of a graph, the model of images (mlp to preresnet) or of ratings "
        "(igmc), or the autoencoder of images or points.",
    )
    objective: Literal[
        "node-classification",
        "dgi",
        "grace",
        "bgrl",
        "gae",
        "vgae",
        "image-classification",
        "reconstruction",
        "rating-prediction",
    ] = Field(
        "node-classification",
        description="What the encoder is trained to do; without labels: dgi, grace, bgrl (probed), "
        "gae, vgae (links). Images: image-classification; autoencoders: reconstruction; ratings: "
        "rating-prediction.",
    )
    depth: int = Field(
        20, ge=3, description="Layers of a PreResNet: 6 n + 2 (20, 56), or 9 n + 2 (164)."
    )
    mlp_widths: tuple[int, ...] = Field((300, 100), description="Hidden widths of an MLP.")
    code_channels: int = Field(
        50, ge=1, description="Width of an autoencoder's code, where the gated model starts too."
    )
    encoder_widths: tuple[int, ...] = Field(
        (128, 64, 32), description="Hidden widths of an autoencoder's encoder."
    )
    decoder_widths: tuple[int, ...] | None = Field(
        None,
        description="Hidden widths of an autoencoder's decoder; None for the encoder's, turned "
        "around.",
    )
    decoder: Literal["layers", "quadratic"] = Field(
        "layers", description="An autoencoder's decoder; quadratic is one layer with products."
    )
    conv_channels: int = Field(
        32, ge=1, description="Width of each of IGMC's four graph convolutions."
    )
    gate_convs: bool = Field(
        False,
        description="Learn the widths of IGMC's convolutions too, not of its hidden layer alone.",
    )
    max_nodes_per_hop: int | None = Field(
        200,
        ge=1,
        description="The most neighbours of a user and of an item in a pair's subgraph; None for "
        "all.",
    )
    adjacency_dropout: float = Field(
        0.2, ge=0, lt=1, description="Share of a subgraph's ratings that a step forgets."
    )
    adjacent_rating_weight: float = Field(
        0.001,
        ge=0,
        description="How hard the matrices of neighbouring ratings are pressed to be alike.",
    )
    ensemble: int = Field(
        1,
        ge=1,
        description="The last so many epochs' models, each as narrow, rate together as IGMC's "
        "published errors were taken; told beside the error of the one model that is handed back.",
    )
    embedding_channels: int | None = Field(
        None,
        ge=1,
        description="Width of the wide model's embedding, where the objective learns one; None for "
        "the hidden width.",
    )
    hidden_channels: int = Field(256, ge=1, description="Hidden width of the wide model.")
    width_rule: Literal["minge"] | None = Field(
        None,
        description="'minge' gives a model trained alone the width that follows from the graph's "
        "entropy: its hidden width, or that of the embedding where one is learnt.",
    )
    num_layers: int = Field(2, ge=1, description="Number of graph convolutions.")
    act: str | None = Field("elu", description="Activation, by PyG's names.")
    norm: str | None = Field(None, description="Norm, by PyG's names.")
    jk: Literal["last", "cat", "max", "lstm"] | None = Field(None, description="Jumping knowledge.")
    heads: int = Field(8, ge=1, description="Attention heads (GAT only).")
    v2: bool = Field(False, description="GATv2 in place of GAT (GAT only).")
    feature_dropout: float = Field(0.5, ge=0, lt=1, description="Dropout of input features.")
    least_feature_norm: float = Field(
        0.25,
        ge=0,
        description="Training multiplies the features by one number where a node's are shorter "
        "than this (root mean square over nodes); the model handed back takes them as they are.",
    )

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
        "gated model learns from that; 1 lets it learn on to the end.",
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
        return self.kind == "graphs" and self.objective != "node-classification"

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
