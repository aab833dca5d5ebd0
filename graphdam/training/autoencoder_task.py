"""A run on images or points that an autoencoder rebuilds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphdam.compaction import deviation
from graphdam.data import Images, Points, load_points
from graphdam.evaluation.code import code_macro_f1
from graphdam.nn import ImageModel
from graphdam.objectives import PreparedRows, Reconstruction
from graphdam.objectives.prepared_batches import CHUNK
from graphdam.training.autoencoder_recipes import AUTOENCODER
from graphdam.training.image_task import TIMED, with_gates
from graphdam.training.settings import Settings
from graphdam.training.task import Task

EXACT = 1e-9
"""The most that a compact model may deviate in double precision."""


@dataclass(frozen=True)
class AutoencoderTask(Task[ImageModel, PreparedRows]):
    """See `Task`. The code is gated, and nothing else."""

    settings: Settings
    rows: Images | Points

    items_a_call: ClassVar[dict[str, int]] = {"images": TIMED}

    @property
    def data(self) -> Images | Points:
        return self.rows

    @property
    def name(self) -> str:
        return self.rows.name

    @property
    def split_name(self) -> str:
        return self.rows.split_name

    def at_split(self, seed: int) -> AutoencoderTask:
        """Points are drawn anew for every seed."""
        if isinstance(self.rows, Images) or self.rows.seed == seed:
            return self
        points = load_points(self.rows.name, seed=seed)
        return replace(self, rows=points.to(self.rows.x.device))

    def same_split(self, seed: int, other: int) -> bool:
        return isinstance(self.rows, Images) or seed == other

    def build_wide(self) -> ImageModel:
        settings, shape = self.settings, self.rows.shape
        arguments: dict[str, Any] = {
            "in_channels": prod(shape),
            "code_channels": settings.code_channels,
            "encoder_channels": list(settings.encoder_widths),
            "decoder_channels": None
            if settings.decoder_widths is None
            else list(settings.decoder_widths),
            "act": settings.act,
            "act_out": "tanh" if isinstance(self.rows, Images) else None,
            "decoder": settings.decoder,
        }
        return ImageModel.wide(AUTOENCODER, arguments, shape)

    def build_gated(self) -> ImageModel:
        return with_gates(self.build_wide(), self.settings)

    def build_objective(self, model: ImageModel, *, seed: int) -> Reconstruction:
        del model, seed
        return Reconstruction()

    def prepare(self, model: ImageModel, objective: object) -> PreparedRows:
        del model, objective
        return PreparedRows.of(self.rows, batch_size=self.settings.batch_size)

    def deviation(self, model: ImageModel, compact: ImageModel, prepared: PreparedRows) -> float:
        chunks = prepared.watched.inputs()
        return max(deviation(model, compact, x, relative=True) for x in chunks)

    def is_rounding(self, model: ImageModel, prepared: PreparedRows) -> bool:
        """A code whose gate is nearly closed is large where it is written, and loses digits."""
        model = copy.deepcopy(model).double()
        compact, chunks = model.compact(), prepared.watched.inputs()
        return all(deviation(model, compact, x.double(), relative=True) <= EXACT for x in chunks)

    def multiply_adds(self, model: ImageModel, prepared: PreparedRows) -> int:
        del prepared
        return model.multiply_adds()

    def further(self, model: ImageModel, prepared: PreparedRows) -> dict[str, float]:
        """What a classifier makes of the codes, where there are classes."""
        if prepared.y is None:
            return {}
        train, test = prepared.parts["train"], prepared.parts["test"]
        codes, y = embed_rows(model, prepared), prepared.y
        score = code_macro_f1(codes[train], y[train], codes[test], y[test])
        return {"macro_f1": score}

    def inference(self, model: ImageModel) -> Callable[[], Any]:
        prepared = self.prepare(model, None)
        x = prepared.x[prepared.parts["test"][:TIMED]]
        return lambda: model(x)


@torch.no_grad()
def embed_rows(model: ImageModel, prepared: PreparedRows) -> Tensor:
    """The code of every row of a set, in its order: [N, width]."""
    return torch.cat([model.embed(x) for x in torch.split(prepared.x, CHUNK)])
