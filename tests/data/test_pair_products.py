"""Inner products of pairs against indexing, forwards and backwards."""

from __future__ import annotations

import pytest
import torch

from graphdam import blocks
from graphdam.data.pair_products import pair_products


@pytest.mark.parametrize("channels", [1, 5, 40])
@pytest.mark.parametrize("num_pairs", [0, 1, 97])
def test_products_and_gradient_are_those_of_indexing(
    channels: int, num_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 10 * channels)  # the last block is not full
    draw = torch.Generator().manual_seed(channels)
    z = torch.randn(13, channels, generator=draw, dtype=torch.float64).requires_grad_()
    pairs = torch.randint(
        13, (2, num_pairs), generator=draw
    )  # some twice, some of a row with itself
    ours, theirs = pair_products(z, pairs), (z[pairs[0]] * z[pairs[1]]).sum(1)
    torch.testing.assert_close(ours, theirs)
    weight = torch.randn(num_pairs, generator=draw, dtype=torch.float64)
    torch.testing.assert_close(
        *(torch.autograd.grad(each, z, weight)[0] for each in (ours, theirs))
    )


def test_no_matrix_of_all_pairs_is_written() -> None:
    z, pairs = torch.randn(100, 64, requires_grad=True), torch.randint(100, (2, 50_000))
    with torch.profiler.profile(profile_memory=True) as profile:
        torch.autograd.grad(pair_products(z, pairs).sum(), z)
    whole = 50_000 * 64 * 4
    largest = max(event.self_cpu_memory_usage for event in profile.events() or ())
    assert 0 < largest < whole / 4
