"""Blocks of rows: all of them, once, in order, and of few entries."""

from __future__ import annotations

import pytest
import torch

from graphdam import blocks
from graphdam.blocks import row_blocks


@pytest.mark.parametrize("rows", [0, 1, 10, 11])
def test_blocks_are_the_rows_in_order_and_fit_the_cache(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 15)
    x, y = torch.arange(rows * 4).view(rows, 4), torch.arange(rows)
    cut = list(row_blocks(x, y))
    assert torch.equal(torch.cat([first for first, _ in cut]), x)
    assert torch.equal(torch.cat([second for _, second in cut]), y)
    assert all(first.numel() <= 15 and len(first) == len(second) for first, second in cut)
    assert all(len(each) <= 5 for (each,) in row_blocks(y, columns=3))


def test_a_row_that_is_larger_than_a_block_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_ENTRIES", 15)
    assert [len(each) for (each,) in row_blocks(torch.zeros(3, 40))] == [1, 1, 1]
