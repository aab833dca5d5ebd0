"""What one run found: the schema of `result.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from graphdam.report.record_parts import Latency, Prefix, Reduction, Sparsity, WideReference
from graphdam.report.scores import Count, Fraction, Frozen, NonNegative, Scores, Width

FORMAT: Literal[1] = 1
ModelName = Literal[
    "gcn",
    "graphsage",
    "gat",
    "mlp",
    "lenet5",
    "vgg16",
    "preresnet",
    "autoencoder",
    "igmc",
    "global-mean",
    "user-mean",
    "item-mean",
    "factorisation",
]


class RunRecord(Frozen):
    """Everything that `result.json` says about one run; lists named "per seed" follow `seeds`.

    `changed` holds the settings in which the run departs from its recipe (data set, model, seeds
    and the like apart, which have fields of their own).
    `penalty_weight` is λ, where it decides the widths.
    `selection` says in a sentence how the epoch was chosen and `selected_epochs` which it was.
    `widths`, `parameters` and `multiply_adds` are those of the compact model, per seed (of the wide
    one where a run fell back to it), and
    `deviation` is the largest difference, over the seeds, between the outputs of the gated and
    of the compact model, relative to the output's scale. `seconds` are per seed. The model of
    `model_seed` is the one that the run folder holds. `latency` is measured on that model, or on
    the one in the middle where runs of a seed each were merged.
    `further` holds other scores by name: of the test part (macro-F1, average precision, MAE), and
    `nmi` of the clusters of all nodes.
    `prefixes` says, per seed, what the compact model cut to its first channels scores on
    validation, from the narrowest prefix to the model itself; without gates there are none.
    `evaluator` names who scored the run, where it was not graphdam itself.
    `reduction` is there where what was scored is not the model that was trained.
    `stability` is how alike the seeds' embeddings are (mean linear CKA), where there are several
    seeds of an objective that learns one.
    `sparsity` says, per seed, how many parameters are not zero, where weights were masked:
    `parameters` and `multiply_adds` count them all.
    `trained_parameters` says, per seed, how many were trained in all: those of the model as it
    began, of its teacher, and of what the objective owns.
    `classes` says what the model's outputs are called, where the data names its classes.
    """

    format: Literal[1] = FORMAT
    graphdam_version: str
    command: str
    created: str
    dataset: str
    split: str
    model: ModelName
    objective: str
    recipe: str
    gate: str | None
    penalty_weight: NonNegative | None = None
    changed: dict[str, str | int | float | bool | list[int] | None] = Field(default_factory=dict)
    seeds: list[Count] = Field(min_length=1)
    selection: str
    selected_epochs: list[Count] | None = None
    evaluator: str | None = None
    val: Scores
    test: Scores
    wide: WideReference | None
    start_widths: list[Width]
    widths: list[list[Count]]
    further: dict[str, Scores] = Field(default_factory=dict)
    prefixes: list[list[Prefix]] | None = None
    reduction: Reduction | None = None
    parameters: list[Count]
    multiply_adds: list[Count]
    sparsity: list[Sparsity] | None = None
    trained_parameters: list[Count] | None = None
    latency: Latency | None
    deviation: NonNegative
    stability: Fraction | None = None
    seconds: list[NonNegative]
    model_seed: Count
    classes: list[str] | None = None
    device: str
    threads: Annotated[int, Field(ge=1)]
    versions: dict[str, str]
    notes: list[str] = Field(default_factory=list)

    @model_serializer(mode="wrap")
    def _without_what_it_lacks(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Where fields that came later say nothing, a record is the bytes that it ever was."""
        content: dict[str, Any] = dump(self)
        for name in ("sparsity", "trained_parameters", "classes"):
            if content.get(name) is None:
                content.pop(name, None)
        return content

    @property
    def learns_embedding(self) -> bool:
        """Whether the encoder's output is an embedding, or a code, whose width is the last one."""
        others = ("node-classification", "image-classification", "rating-prediction")
        return self.objective not in others

    @property
    def embeds_nodes(self) -> bool:
        """Whether it is the nodes of a graph that have an embedding."""
        return self.learns_embedding and self.objective != "reconstruction"

    @property
    def output_cut_to(self) -> int | None:
        """The width of an embedding that was cut behind an encoder which stayed as it was."""
        if self.reduction is None or self.reduction.cuts_encoder:
            return None
        return self.reduction.width

    @property
    def is_masked(self) -> bool:
        """Whether what it has fewer of are weights that are not zero, at the size it had."""
        return self.sparsity is not None

    @field_validator("created")
    @classmethod
    def _created_is_a_date(cls, created: str) -> str:
        try:
            datetime.fromisoformat(created.replace("Z", "+00:00"))
        except ValueError as error:
            raise ValueError(f"'{created}' is not an ISO date such as 2025-01-31") from error
        return created

    @field_validator("versions")
    @classmethod
    def _versions_in_order(cls, versions: dict[str, str]) -> dict[str, str]:
        # so that equal records are equal bytes, whatever order the versions were asked in
        return dict(sorted(versions.items()))

    @model_validator(mode="after")
    def _one_entry_a_seed(self) -> RunRecord:
        lengths = {
            "val.values": len(self.val.values),
            "test.values": len(self.test.values),
            "widths": len(self.widths),
            "parameters": len(self.parameters),
            "multiply_adds": len(self.multiply_adds),
            "seconds": len(self.seconds),
        }
        further = {f"further.{name}.values": scores for name, scores in self.further.items()}
        lengths |= {name: len(scores.values) for name, scores in further.items()}
        if self.wide is not None:
            lengths["wide.val.values"] = len(self.wide.val.values)
            lengths["wide.test.values"] = len(self.wide.test.values)
        if self.selected_epochs is not None:
            lengths["selected_epochs"] = len(self.selected_epochs)
        if self.prefixes is not None:
            lengths["prefixes"] = len(self.prefixes)
        if self.sparsity is not None:
            lengths["sparsity"] = len(self.sparsity)
        if self.trained_parameters is not None:
            lengths["trained_parameters"] = len(self.trained_parameters)
        for name, length in lengths.items():
            if length != len(self.seeds):
                raise ValueError(
                    f"{name} has length {length}, but there are {len(self.seeds)} seeds"
                )
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError(f"seeds {self.seeds} hold one seed twice")
        if self.model_seed not in self.seeds:
            raise ValueError(f"model_seed {self.model_seed} is not among the seeds {self.seeds}")
        return self

    @model_validator(mode="after")
    def _a_penalty_presses_on_gates(self) -> RunRecord:
        if self.gate is None and self.penalty_weight is not None:
            raise ValueError(f"penalty_weight {self.penalty_weight} presses on no gate")
        return self

    @model_validator(mode="after")
    def _widths_fit_their_start(self) -> RunRecord:
        for seed, widths in zip(self.seeds, self.widths, strict=True):
            if 0 in widths and self.objective != "image-classification":
                raise ValueError(
                    f"widths {widths} of seed {seed} must be greater than or equal to 1: only in "
                    "models of images a residual branch may vanish"
                )
            if self.wide is not None and widths == self.wide.widths:
                continue  # the wide model itself was handed back
            if len(widths) != len(self.start_widths) or any(
                width > start for width, start in zip(widths, self.start_widths, strict=True)
            ):
                raise ValueError(
                    f"widths {widths} of seed {seed} do not fit start_widths {self.start_widths}: "
                    "as many layers are needed, none wider than at the start"
                )
        return self
