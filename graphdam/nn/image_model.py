"""A plain model of images with what a run asks of its models: widths, a penalty, a smaller self."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphdam._version import __version__
from graphdam.compaction import GatedModel, attach_gates, load_compact, save_compact
from graphdam.errors import ModelFileError, SettingsError
from graphdam.evaluation.module_cost import module_multiply_adds
from graphdam.files import write_atomically
from graphdam.gates import Gate, width_penalty
from graphdam.nn.autoencoder import CODE, Autoencoder
from graphdam.nn.lenet import LeNet5
from graphdam.nn.mlp import MLP
from graphdam.nn.preresnet import PreResNet
from graphdam.nn.vgg import VGG16BN

NETS: dict[str, type[nn.Module]] = {
    "mlp": MLP,
    "lenet5": LeNet5,
    "vgg16": VGG16BN,
    "preresnet": PreResNet,
    "autoencoder": Autoencoder,
}
"""The models of images by the names that settings have for them."""

GATED = {"autoencoder": [CODE]}
"""The layers whose channels have gates; all that can be removed exactly in other models."""

SMALLEST_IMAGE = {"lenet5": 16, "vgg16": 16}
"""Pixels a side that its poolings need."""

FORMAT = 1
CONFIG = "config.json"


class ImageModel(nn.Module):
    """One of `NETS`: wide, gated by `gated`, or compact.

    Attributes:
        net: the plain model, or the `GatedModel` around it.
        kind: its name in `NETS`.
        arguments: what the wide model is built with.
        shape: channels, height and width of the images that it reads; of an autoencoder, whatever
            shape its inputs have.

    Shapes: `x` [N, C, H, W] → [N, classes]; of an autoencoder [N, …] → [N, numbers of an input].

    >>> wide = ImageModel.wide("mlp", {"in_channels": 64, "hidden_channels": [30, 20],
    ...                                "out_channels": 10}, shape=(1, 8, 8))
    >>> wide.widths, wide.multiply_adds()
    ([30, 20], 2720)
    """

    def __init__(
        self,
        net: nn.Module,
        kind: str,
        arguments: Mapping[str, Any],
        shape: tuple[int, ...],
        widths: Sequence[int],
    ) -> None:
        super().__init__()
        self.net = net
        self.kind = kind
        self.arguments = dict(arguments)
        self.shape = shape
        self._widths = list(widths)

    @classmethod
    def wide(cls, kind: str, arguments: Mapping[str, Any], shape: tuple[int, ...]) -> ImageModel:
        """The model as it is built, with fresh weights.

        Raises:
            SettingsError: arguments that it does not take, or images that are too small for it.
        """
        least = SMALLEST_IMAGE.get(kind)
        if least is not None and min(shape[1:]) < least:
            raise SettingsError(
                f"{kind} reads images of at least {least} × {least} pixels, and these have "
                f"{shape[1]} × {shape[2]}: an mlp reads images of any size."
            )
        net = NETS[kind](**arguments)
        groups = attach_gates(net, torch.zeros(2, *shape), only=GATED.get(kind)).groups
        return cls(net, kind, arguments, shape, [group.num_channels for group in groups])

    def gated(self, gate: Callable[[int], Gate], *, min_width: int = 1) -> ImageModel:
        """A copy with a gate of so many channels for every group of channels.

        Args:
            gate: makes one.
            min_width: 0 lets branches beside a residual path vanish, see `attach_gates`.
        """
        net = attach_gates(
            self.net,
            torch.zeros(2, *self.shape),
            gate=gate,
            min_width=min_width,
            only=GATED.get(self.kind),
        )
        return ImageModel(net, self.kind, self.arguments, self.shape, net.widths)

    def keeping(self, choose: Callable[[GatedModel], Mapping[str, Tensor]]) -> ImageModel:
        """A new, physically smaller model with chosen channels only; not exact.

        Args:
            choose: the channels to keep by group name, of a plain model with gates that are 1.
        """
        device = next(self.parameters()).device
        example = torch.zeros(2, *self.shape, device=device)
        gated = attach_gates(self.net, example, gate="l1")  # whose values begin at 1
        keep = choose(gated)
        widths = [len(keep[group.name]) for group in gated.groups]
        return ImageModel(
            gated.compact(keep=keep), self.kind, self.arguments, self.shape, widths
        ).train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out

    def embed(self, x: Tensor) -> Tensor:
        """The code of a wide or compact autoencoder: [N, width].

        Raises:
            SettingsError: it has none, or channels of it are still gated where they are read.
        """
        if not isinstance(self.net, Autoencoder):
            raise SettingsError(
                f"{self!r} writes no code: an autoencoder does, once it is compact."
            )
        return self.net.embed(x)

    @property
    def widths(self) -> list[int]:
        """Open channels of every group; all of a plain model's."""
        return self.net.widths if isinstance(self.net, GatedModel) else list(self._widths)

    def penalty(self) -> Tensor:
        """The mean of the gates' penalties: add it to the loss, times λ."""
        return width_penalty(self)

    def compact(self) -> ImageModel:
        """A new, physically smaller model with the same outputs; itself where it has no gates."""
        if not isinstance(self.net, GatedModel):
            return self
        return ImageModel(
            self.net.compact(), self.kind, self.arguments, self.shape, self.net.widths
        )

    def multiply_adds(self) -> int:
        """Multiply-adds for one image."""
        device = next(self.parameters()).device
        return module_multiply_adds(self.net, torch.zeros(1, *self.shape, device=device))

    def save_pretrained(self, folder: str | PathLike[str]) -> None:
        """Write `config.json`, and what `save_compact` writes."""
        save_compact(self.net, folder)
        config = {
            "format": FORMAT,
            "graphdam_version": __version__,
            "model": self.kind,
            "arguments": self.arguments,
            "shape": self.shape,
            "widths": self.widths,
        }
        write_atomically(Path(folder) / CONFIG, json.dumps(config, indent=1) + "\n")

    @classmethod
    def from_pretrained(cls, folder: str | PathLike[str]) -> ImageModel:
        """The compact model that `save_pretrained` wrote, in evaluation mode.

        Raises:
            ModelFileError: nothing there, corrupted, or another model or version.
        """
        path = Path(folder) / CONFIG
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            kind, arguments = config["model"], config["arguments"]
            shape, widths = tuple(config["shape"]), list(config["widths"])
            if config["format"] != FORMAT:
                raise ValueError(f"format {config['format']!r}, this graphdam reads {FORMAT}")
            wide = NETS[kind](**arguments)
        except (OSError, ValueError, KeyError, TypeError, SettingsError) as error:
            raise ModelFileError(
                f"{path} does not describe a model of images that this graphdam ({__version__}) "
                f"knows ({type(error).__name__}: {error}): use the version that wrote it, or train "
                f"again."
            ) from error
        return cls(load_compact(wide, folder), kind, arguments, shape, widths).eval()

    def __repr__(self) -> str:
        inner = self.net.model if isinstance(self.net, GatedModel) else self.net
        return f"{type(inner).__name__}(widths {', '.join(map(str, self.widths))})"
