"""Networks wired at random: chains, residuals, concatenations, norms and what mixes channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

HARMLESS = (
    "conv", "conv", "grouped", "depthwise", "norm", "activation", "add", "add", "cat", "cat",
    "chunk", "pool", "excite", "scale", "shuffle", "residual", "residual",
)  # fmt: skip
AWKWARD = ("group norm", "layer norm", "softmax", "slice", "view", "input")


class Wiring(nn.Module):
    """A program of random steps over images of 6 × 6, each reading what earlier ones wrote.

    Args:
        seed: what everything is drawn from.
        awkward: whether operations are among them that no channel survives.
    """

    def __init__(self, seed: int, *, awkward: bool) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)
        self.parts = nn.ModuleList()
        self.program: list[tuple[str, tuple[int, ...], int]] = []
        self.widths = [3]
        self._add("conv", (0,))
        for _ in range(self._draw(4, 10)):
            names = HARMLESS + (AWKWARD if awkward else ())
            self._add(names[self._draw(0, len(names))], (self._recent(), self._recent()))
        self.flat = self._draw(0, 2) == 0
        ends = self._draw(1, 3)
        self.ends = [len(self.widths) - 1, self._recent()][:ends]
        self.heads = nn.ModuleList(
            nn.Linear(self.widths[end] * (4 if self.flat else 1), 3) for end in self.ends
        )

    def _draw(self, low: int, high: int) -> int:
        return int(torch.randint(low, high, (), generator=self._generator))

    def _recent(self) -> int:
        return max(1, len(self.widths) - 1 - self._draw(0, 3)) if len(self.widths) > 1 else 0

    def _part(self, module: nn.Module) -> int:
        self.parts.append(module)
        return len(self.parts) - 1

    def _add(self, name: str, read: tuple[int, ...]) -> None:
        one, other = read[0], read[-1]
        width = self.widths[one]
        out, part = width, -1
        if name == "conv":
            out = 2 * self._draw(1, 5)
            part = self._part(nn.Conv2d(width, out, 3, padding=1))
        elif name == "grouped":
            if width % 2:
                return
            out = 2 * self._draw(1, 5)
            part = self._part(nn.Conv2d(width, out, 3, padding=1, groups=2))
        elif name == "depthwise":
            out = width * self._draw(1, 3)
            part = self._part(nn.Conv2d(width, out, 3, padding=1, groups=width))
        elif name == "norm":
            kinds = (
                nn.BatchNorm2d(width),
                nn.InstanceNorm2d(width, affine=True),
                nn.GroupNorm(width, width),
            )
            part = self._part(kinds[self._draw(0, 3)])
        elif name == "activation":
            kind = (nn.ReLU(), nn.Sigmoid(), nn.PReLU(width), nn.GELU(), nn.Dropout())
            part = self._part(kind[self._draw(0, 5)])
        elif name == "add":
            same = [at for at in range(1, len(self.widths)) if self.widths[at] == width]
            read = (one, same[self._draw(0, len(same))])
        elif name == "cat":
            read = (one, other)
            out = width + self.widths[other]
            if out > 24:
                return
        elif name in ("chunk", "shuffle", "slice", "view"):
            if width % 2 or width < 4:
                return
            out = width // 2 if name in ("chunk", "slice") else width
        elif name == "excite":
            part = self._part(
                nn.Sequential(nn.Conv2d(width, 4, 1), nn.SiLU(), nn.Conv2d(4, width, 1))
            )
        elif name == "scale":
            part = self._part(_Scale(width))
        elif name == "residual":
            hidden = self._draw(2, 6)
            part = self._part(
                nn.Sequential(nn.Conv2d(width, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, width, 1))
            )
        elif name == "group norm":
            part = self._part(nn.GroupNorm(1, width))
        elif name == "layer norm":
            part = self._part(nn.LayerNorm(width))
        elif name == "input" and width < 3:
            return
        self.program.append((name, read, part))
        self.widths.append(out)

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for name, (one, *others), part in self.program:
            value = seen[one]
            other = seen[others[0]] if others else value
            if name == "add":
                value = value + other
            elif name == "cat":
                value = torch.cat([value, other], 1)
            elif name == "chunk":
                first, second = value.chunk(2, 1)
                value = first * second.tanh()
            elif name == "pool":
                value = F.max_pool2d(value, 3, 1, 1)
            elif name == "excite":
                value = value * self.parts[part](value.mean((2, 3), keepdim=True)).sigmoid()
            elif name == "shuffle":
                batch, channels, height, width = value.shape
                value = value.view(batch, 2, channels // 2, height, width).transpose(1, 2)
                value = value.reshape(batch, channels, height, width)
            elif name == "residual":
                value = value + self.parts[part](value)
            elif name == "layer norm":
                value = self.parts[part](value.movedim(1, -1)).movedim(-1, 1)
            elif name == "softmax":
                value = value.softmax(1)
            elif name == "slice":
                value = value[:, : value.shape[1] // 2]
            elif name == "view":
                value = value.reshape(value.size(0), self.widths_at(one), -1).view(value.shape)
            elif name == "input":
                value = value + F.pad(x, (0, 0, 0, 0, 0, self.widths_at(one) - 3))
            else:
                value = self.parts[part](value)
            seen.append(value)
        out = x.new_zeros(())
        for end, head in zip(self.ends, self.heads, strict=True):
            last = seen[end]
            pooled = F.adaptive_avg_pool2d(last, 2).flatten(1) if self.flat else last.mean((2, 3))
            out = out + head(pooled)
        return out

    def widths_at(self, at: int) -> int:
        """A width as a number, as code writes it that thinks of one size."""
        return self.widths[at]


class _Scale(nn.Module):
    """A weight for every channel, in the user's own code."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma
