"""A run on images: plain models that read shuffled batches of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphdam.compaction import deviation
from graphdam.data import Images
from graphdam.nn import ImageModel
from graphdam.objectives import Classification, PreparedImages
from graphdam.training.build import gate_maker
from graphdam.training.settings import Settings
from graphdam.training.task import M, Task

TIMED = 64
"""Images of a timed inference: one alone is mostly the calls themselves."""


@dataclass(frozen=True)
class TaskOnImages(Task[M, PreparedImages]):
    """See `Task`.

    Attributes:
        images: the data.
    """

    settings: Settings
    images: Images

    items_a_call: ClassVar[dict[str, int]] = {"images": TIMED}

    @property
    def data(self) -> Images:
        return self.images

    @property
    def name(self) -> str:
        return self.images.name

    @property
    def split_name(self) -> str:
        return self.images.split_name

    def build_objective(self, model: M, *, seed: int) -> Classification[M, PreparedImages]:
        del model, seed
        return Classification()

    def prepare(self, model: M, objective: object) -> PreparedImages:
        del model, objective
        settings = self.settings
        return PreparedImages.of(
            self.images, batch_size=settings.batch_size, augment=settings.augment
        )

    def take_up(self, model: M) -> None:
        """Kernels with their channels last, which CPUs and GPUs convolve with faster."""
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def hand_back(self, model: M) -> None:
        model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def timed_images(self) -> Tensor:
        """What an inference is timed with."""
        return self.images.standardised(self.images.test[:TIMED])


class ImageTask(TaskOnImages[ImageModel]):
    """With a model of ours."""

    def build_wide(self) -> ImageModel:
        return self._build(self.settings.dropout)

    def build_gated(self) -> ImageModel:
        return with_gates(self._build(self.settings.gated_dropout), self.settings)

    def _build(self, dropout: float) -> ImageModel:
        settings, (channels, height, width) = self.settings, self.images.shape
        arguments: dict[str, Any] = {"out_channels": self.images.num_classes}
        match settings.model:
            case "mlp":
                arguments |= {"in_channels": channels * height * width, "dropout": dropout}
                arguments |= {"hidden_channels": list(settings.mlp_widths)}
            case "lenet5":
                arguments |= {"in_channels": channels, "image_size": [height, width]}
            case "preresnet":
                arguments |= {"in_channels": channels, "depth": settings.depth}
            case _:
                arguments |= {"in_channels": channels}
        return ImageModel.wide(settings.model, arguments, self.images.shape)

    def deviation(self, model: ImageModel, compact: ImageModel, prepared: PreparedImages) -> float:
        chunks = prepared.watched.inputs()
        return max(deviation(model, compact, x, relative=True) for x in chunks)

    def multiply_adds(self, model: ImageModel, prepared: PreparedImages) -> int:
        del prepared
        return model.multiply_adds()

    def inference(self, model: ImageModel) -> Callable[[], Any]:
        x = self.timed_images()
        return lambda: model(x)


def with_gates(wide: ImageModel, settings: Settings) -> ImageModel:
    """A wide model with the gates that the settings name."""
    min_width = 1 if settings.target_width is not None else settings.min_width
    return wide.gated(gate_maker(settings), min_width=min_width)
