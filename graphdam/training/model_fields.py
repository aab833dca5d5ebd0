"""What can be set of a run's data, and of the model that learns from them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelFields(BaseModel):
    """The settings of where, on what and with which wide model."""

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
        "graph-classification",
        "graph-regression",
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
        "rating-prediction. graph-classification and graph-regression are for models of your own "
        "(graphdam.narrow).",
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
