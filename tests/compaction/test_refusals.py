"""What compaction refuses, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from graphdam.compaction import ChannelGroup, Consumer, compact_model, slice_in, slice_out
from graphdam.errors import InexactError
from graphdam.gates import DAMGate

HIDDEN = ChannelGroup("hidden 1", 4, ("0",), (Consumer("2"),), gate="1")


def gated() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 4), DAMGate(4), nn.Linear(4, 3))


@pytest.mark.parametrize("norm", [nn.LayerNorm(4), nn.GroupNorm(2, 4)])
def test_norms_that_mix_channels_are_refused(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Linear(5, 4), norm, DAMGate(4, initial_offset=-2.0), nn.Linear(4, 3))
    group = ChannelGroup("hidden", 4, ("0",), (Consumer("3"),), ("1",), gate="2")
    name = type(norm).__name__
    over = {"LayerNorm": "each row over all channels", "GroupNorm": "over groups of channels"}
    with pytest.raises(InexactError) as caught:
        compact_model(model, [group])
    assert str(caught.value) == (
        f"{name} normalises {over[name]}, closed ones included, so removing channels changes its "
        f"outputs: use a batch norm, which treats every channel alone."
    )


def test_a_batch_norm_without_parameters_cannot_absorb_values() -> None:
    norm = nn.BatchNorm1d(3, affine=False)
    assert slice_out(norm, torch.tensor([0, 2])).get_buffer("running_mean").shape == (2,)
    with pytest.raises(InexactError) as caught:
        slice_out(norm, torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))
    assert str(caught.value) == (
        "BatchNorm1d without a weight for every channel cannot absorb a gate's values, and no "
        "layer reads what it writes: use a norm with weights, such as a batch norm with "
        "affine=True, or none."
    )
    with pytest.raises(InexactError, match="Identity without a weight"):
        slice_out(nn.Identity(), torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))


def test_a_layer_without_a_rule_is_named() -> None:
    model = nn.Sequential(nn.Linear(5, 4), DAMGate(4), nn.Bilinear(4, 4, 2))
    group = ChannelGroup("hidden", 4, ("0",), (Consumer("2"),), gate="1")
    refusals: list[Callable[[], nn.Module]] = [
        lambda: compact_model(model, [group]),
        lambda: slice_in(nn.Bilinear(4, 4, 2), torch.tensor([0]), torch.ones(1)),
        lambda: slice_out(nn.Bilinear(4, 4, 2), torch.tensor([0])),
    ]
    for refused in refusals:
        with pytest.raises(InexactError) as caught:
            refused()
        assert str(caught.value).startswith("No rule says how a Bilinear loses channels without")
        assert "graphdam.compaction.slice_out.register and slice_in.register" in str(caught.value)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (
            ChannelGroup("g", 4, ("9",), (Consumer("2"),), gate="1"),
            "Group 'g' names the layer '9', which Sequential does not have.",
        ),
        (
            ChannelGroup("g", 4, ("0",), (Consumer("head"),), gate="1"),
            "Group 'g' names the layer 'head', which Sequential does not have.",
        ),
        (
            ChannelGroup("g", 4, ("0",), (Consumer("2"),), gate="2"),
            "Group 'g' names '2' as its gate, which is a Linear.",
        ),
        (
            ChannelGroup("g", 3, ("0",), (Consumer("2"),)),
            "Group 'g' has 3 × 1 channels, but its producer '0' writes 4.",
        ),
        (
            ChannelGroup("g", 4, ("0",), (Consumer("2", start=1),), gate="1"),
            "Group 'g' has 4 × 1 channels from 1 on, but a layer of it has only 4.",
        ),
    ],
)
def test_groups_that_do_not_fit_the_model_are_refused(group: ChannelGroup, message: str) -> None:
    model = nn.Sequential(nn.Linear(5, 4), DAMGate(4), nn.Linear(4, 3))
    with pytest.raises(InexactError, match=f"^{re.escape(message)}$"):
        compact_model(model, [group])


@pytest.mark.parametrize("keep", [[], [-1, 2], [2, 4]])
def test_keeping_nothing_or_what_is_not_there_is_refused(keep: list[int]) -> None:
    model = gated()
    with pytest.raises(InexactError) as caught:
        compact_model(model, [HIDDEN], keep={"hidden 1": torch.tensor(keep)})
    assert str(caught.value) == (
        f"Group 'hidden 1' would keep {len(keep)} of its 4 channels: at least one must stay, and "
        f"indices lie in 0 … 3."
    )


def test_a_gate_with_every_channel_closed_is_refused() -> None:
    class Shut(DAMGate):
        def keep(self) -> Tensor:
            return torch.arange(0)

    model = nn.Sequential(nn.Linear(5, 4), Shut(4), nn.Linear(4, 3))
    with pytest.raises(InexactError, match=r"Group 'hidden 1' would keep 0 of its 4 channels"):
        compact_model(model, [HIDDEN])


def test_an_unknown_name_in_keep_is_refused() -> None:
    model = gated()
    with pytest.raises(InexactError) as caught:
        compact_model(model, [HIDDEN], keep={"hiden": torch.tensor([0])})
    assert str(caught.value) == "No channel group is called 'hiden'; the groups are 'hidden 1'."
