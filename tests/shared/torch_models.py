"""Networks as people write them, small: what the pruning of somebody else's model is tried on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MLP(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 9), nn.Linear(9, 7), nn.Linear(7, 3)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = F.elu(layer(x))
        return self.layers[-1](x)  # type: ignore[no-any-return]


class BasicBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)  # type: ignore[no-any-return]


class Bottleneck(nn.Module):
    def __init__(self, inputs: int, width: int, outputs: int, groups: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, groups=groups, bias=False)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.skip = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self, *blocks: nn.Module, outputs: int, pool: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(6)
        self.layers = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d((1, 1)) if pool else nn.AvgPool2d(8)
        self.fc = nn.Linear(outputs, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = self.pool(self.layers(x))
        return self.fc(torch.flatten(x, 1))  # type: ignore[no-any-return]


class PreActivation(nn.Module):
    """Norm and activation before the convolution; the sum is read as it is."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bn1, self.bn2 = nn.BatchNorm2d(width), nn.BatchNorm2d(5)
        self.conv1 = nn.Conv2d(width, 5, 3, 1, 1)
        self.conv2 = nn.Conv2d(5, width, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(self.bn1(x).relu())
        return x + self.conv2(self.bn2(out).relu())  # type: ignore[no-any-return]


class PaddedShortcut(nn.Module):
    """Strided, with zeros for the channels that the input lacks."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.more = outputs - inputs
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 2, 1)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(F.relu(self.conv1(x)))
        before = self.more // 2
        return out + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, before, self.more - before))  # type: ignore[no-any-return]


class VGG(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(8 * 4, 10), nn.ReLU(True), nn.Dropout(), nn.Linear(10, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1))  # type: ignore[no-any-return]


class SqueezeExcitation(nn.Module):
    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, squeezed, 1), nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.fc2(F.silu(self.fc1(x.mean((2, 3), keepdim=True))))
        return x * scale.sigmoid()  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    def __init__(self, inputs: int, outputs: int, expand: int, *, squeeze: bool = False) -> None:
        super().__init__()
        hidden = inputs * expand
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False),
            nn.BatchNorm2d(hidden), nn.ReLU6(),
            SqueezeExcitation(hidden, 4) if squeeze else nn.Identity(),
            nn.Conv2d(hidden, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        self.residual = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)  # type: ignore[no-any-return]


class DenseNet(nn.Module):
    """Every layer reads all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(6 + 4 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(6 + 4 * i, 4, 3, padding=1) for i in range(3))
        self.transition = nn.Conv2d(18, 7, 1)
        self.fc = nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            features.append(conv(F.relu(norm(torch.cat(features, 1)))))
        x = F.avg_pool2d(self.transition(torch.cat(features, 1)), 2)
        return self.fc(x.relu().mean(dim=[2, 3]))  # type: ignore[no-any-return]


class Mixer(nn.Module):
    """Layers along the tokens and along the channels, on one tensor."""

    def __init__(self, *, norm: bool = False) -> None:
        super().__init__()
        self.embed = nn.Conv2d(3, 8, 2, 2)
        self.tokens = nn.Sequential(nn.Linear(16, 5), nn.GELU(), nn.Linear(5, 16))
        self.channels = nn.Sequential(nn.Linear(8, 12), nn.GELU(), nn.Linear(12, 8))
        self.scale = nn.Parameter(torch.ones(8))
        self.norm = nn.LayerNorm(8) if norm else nn.Identity()
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(x.transpose(1, 2)).transpose(1, 2)
        x = x + self.scale * self.channels(self.norm(x))
        return self.head(x.mean(1))  # type: ignore[no-any-return]


class ShuffleUnit(nn.Module):
    def __init__(self, width: int, *, module: bool) -> None:
        super().__init__()
        half = width // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1), nn.BatchNorm2d(half), nn.ReLU(),
            nn.Conv2d(half, half, 3, 1, 1, groups=half), nn.Conv2d(half, half, 1),
        )  # fmt: skip
        self.shuffle = nn.ChannelShuffle(2) if module else None

    def forward(self, x: Tensor) -> Tensor:
        kept, changed = x.chunk(2, dim=1)
        x = torch.cat((kept, self.branch(changed)), dim=1)
        if self.shuffle is not None:
            return self.shuffle(x)  # type: ignore[no-any-return]
        batch, channels, height, width = x.size()
        x = x.view(batch, 2, channels // 2, height, width).transpose(1, 2).contiguous()
        return x.view(batch, channels, height, width)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 10, 3, padding=1)
        self.bottom = nn.Conv2d(10, 12, 3, padding=1)
        self.up2, self.up1 = nn.ConvTranspose2d(12, 10, 2, 2), nn.ConvTranspose2d(7, 6, 2, 2)
        self.merge2, self.merge1 = nn.Conv2d(20, 7, 3, padding=1), nn.Conv2d(12, 5, 3, padding=1)
        self.norm = nn.InstanceNorm2d(10, affine=True)
        self.out = nn.Conv2d(5, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = F.leaky_relu(self.down1(x))
        two = F.leaky_relu(self.norm(self.down2(F.max_pool2d(one, 2))))
        deep = self.bottom(F.max_pool2d(two, 2)).tanh()
        deep = self.merge2(torch.cat([self.up2(deep), two], 1)).tanh()
        return self.out(self.merge1(torch.cat([self.up1(deep), one], 1)).relu())  # type: ignore[no-any-return]


class Norms(nn.Module):
    """Every norm and activation that treats a channel alone."""

    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3 if i == 0 else 6, 6, 3, padding=1) for i in range(4))
        self.norms = nn.ModuleList(
            [
                nn.GroupNorm(6, 6),
                nn.InstanceNorm2d(6, affine=True, track_running_stats=True),
                nn.InstanceNorm2d(6),
                nn.BatchNorm2d(6, affine=False),
            ]
        )
        self.acts = nn.ModuleList([nn.PReLU(6), nn.PReLU(), nn.Softplus(), nn.Sigmoid()])
        self.fc = nn.Linear(6 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        for conv, norm, act in zip(self.convs, self.norms, self.acts, strict=True):
            x = act(norm(conv(x)))
        return self.fc(F.adaptive_avg_pool2d(x, 4).flatten(1))  # type: ignore[no-any-return]


class Depthwise(nn.Module):
    """Channel multipliers, 1-d and transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(3, 6, 3, padding=1)
        self.multiplied = nn.Conv1d(6, 12, 3, padding=1, groups=6)
        self.grouped = nn.Conv1d(12, 8, 3, padding=1, groups=2)
        self.up = nn.ConvTranspose1d(8, 16, 2, 2, groups=8)
        self.grouped_up = nn.ConvTranspose1d(16, 6, 2, 2, groups=2)
        self.last = nn.Conv1d(6, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.grouped(self.multiplied(self.first(x).relu()).tanh()).relu()
        return self.last(self.grouped_up(self.up(x).tanh()).relu())  # type: ignore[no-any-return]


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv3d(1, 6, 3, padding=1), nn.BatchNorm3d(6)
        self.up, self.fc = nn.ConvTranspose3d(6, 5, 2, 2), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(F.relu(self.norm(self.conv1(x))))
        return self.fc(x.sigmoid().mean((2, 3, 4)))  # type: ignore[no-any-return]


class Words(nn.Module):
    """An embedding, a convolution over time, the largest value of each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8, padding_idx=0)
        self.position = nn.Parameter(torch.randn(1, 6, 8))
        self.conv, self.fc = nn.Conv1d(8, 9, 3, padding=1), nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv((self.embed(x) + self.position).transpose(1, 2))
        return self.fc(F.relu(x).max(dim=2)[0])  # type: ignore[no-any-return]


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.fc = nn.EmbeddingBag(20, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor, offsets: Tensor) -> Tensor:
        return self.fc(self.embed(x, offsets).tanh())  # type: ignore[no-any-return]


class Heads(nn.Module):
    """Features in heads of one size, the size not written down."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.gate, self.last = nn.Linear(6, 12), nn.Linear(6, 24), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).reshape(x.size(0), 3, -1).softmax(1).flatten(1) * F.glu(self.gate(x))
        return self.last(x)  # type: ignore[no-any-return]


class Twice(nn.Module):
    """One layer at two places."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.again(self.first(x).relu()).tanh()
        return self.last(self.again(x))  # type: ignore[no-any-return]


class SuperResolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 24, 3, padding=1), nn.Conv2d(6, 5, 1)
        self.shuffle, self.last = nn.PixelShuffle(2), nn.Conv2d(20, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.shuffle(self.first(x)).relu())
        return self.last(F.pixel_unshuffle(x, 2).relu())  # type: ignore[no-any-return]


def mobile() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 1, 1), nn.BatchNorm2d(6), nn.ReLU6(),
        InvertedResidual(6, 6, 2), InvertedResidual(6, 8, 2, squeeze=True),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


def shuffle_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1), ShuffleUnit(8, module=False), ShuffleUnit(8, module=True),
        nn.Conv2d(8, 6, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4),
    )  # fmt: skip


MODELS: dict[str, Callable[[], nn.Module]] = {
    "MLP": MLP,
    "ResNet, basic": lambda: ResNet(BasicBlock(6, 6), BasicBlock(6, 8, 2), outputs=8),
    "ResNet, bottleneck": lambda: ResNet(Bottleneck(6, 4, 8), Bottleneck(8, 4, 8), outputs=8),
    "ResNeXt": lambda: ResNet(Bottleneck(6, 8, 8, 4), Bottleneck(8, 6, 8, 2), outputs=8),
    "PreResNet": lambda: ResNet(PreActivation(6), PreActivation(6), outputs=6),
    "ResNet, padded shortcuts": lambda: ResNet(PaddedShortcut(6, 10), outputs=10),
    "VGG": VGG,
    "MobileNetV2 with squeeze and excitation": mobile,
    "DenseNet": DenseNet,
    "Mixer": Mixer,
    "ShuffleNet": shuffle_net,
    "U-Net": UNet,
    "norms": Norms,
    "depthwise": Depthwise,
    "volume": Volume,
    "words": Words,
    "bag": Bag,
    "heads": Heads,
    "a layer used twice": Twice,
    "super-resolution": SuperResolution,
}


def example(name: str, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """What the model of a name is called with."""
    generator = torch.Generator().manual_seed(1)
    if name == "words":
        return (torch.randint(20, (4, 6), generator=generator),)
    if name == "bag":
        return (torch.randint(20, (9,), generator=generator), torch.tensor([0, 4, 6]))
    shapes: dict[str, tuple[int, ...]] = {"MLP": (6,), "heads": (6,), "a layer used twice": (6,)}
    shapes |= {"depthwise": (3, 8), "volume": (1, 4, 4, 4), "norms": (3, 8, 8)}
    shape = (4, *shapes.get(name, (3, 8, 8)))
    return (torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype),)
