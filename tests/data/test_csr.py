from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphdam.data import csr_tiles
from graphdam.data.csr import CSRMatrix
from graphdam.data.csr_product import NARROW
from graphdam.data.csr_tiles import is_tiled

PRECISION = {torch.float64: 1e-12, torch.float32: 1e-5}


def _random(rows: int, columns: int, density: float, seed: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.randn(rows, columns, generator=generator, dtype=dtype)
    return dense * (torch.rand(rows, columns, generator=generator) < density)


def _column_sums(matrix: CSRMatrix) -> Tensor:
    """By the gradient of the sum of S h with respect to h."""
    h = torch.ones(matrix.size(1), 1, dtype=matrix.dtype, requires_grad=True)
    return torch.autograd.grad((matrix @ h).sum(), h)[0].flatten()


@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.integers(0, 99),
    st.sampled_from([torch.float64, torch.float32]),
)
def test_product_and_gradient_are_the_dense_ones(
    rows: int, columns: int, channels: int, density: float, seed: int, dtype: torch.dtype
) -> None:
    dense = _random(rows, columns, density, seed, dtype)
    h = _random(columns, channels, 1.0, seed + 1, dtype).requires_grad_()
    h_dense = h.detach().clone().requires_grad_()
    weight = _random(rows, channels, 1.0, seed + 2, dtype)
    ours, expected = CSRMatrix.from_dense(dense) @ h, dense @ h_dense
    tolerance: dict[str, Any] = {"rtol": PRECISION[dtype], "atol": PRECISION[dtype]}
    torch.testing.assert_close(ours, expected, **tolerance)
    (gradient,) = torch.autograd.grad((ours * weight).sum(), h)
    (gradient_dense,) = torch.autograd.grad((expected * weight).sum(), h_dense)
    torch.testing.assert_close(gradient, gradient_dense, **tolerance)


def test_gradient_by_finite_differences() -> None:
    matrix = CSRMatrix.from_dense(_random(5, 4, 0.5, 0, torch.float64))
    h = _random(4, 3, 1.0, 1, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda value: matrix @ value, (h,))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(-3, 3)), max_size=30))
def test_repeated_entries_add_up(entries: list[tuple[int, int, int]]) -> None:
    dense = torch.zeros(4, 5, dtype=torch.float64)
    for i, j, entry in entries:
        dense[i, j] += entry
    row, column, value = torch.tensor(entries, dtype=torch.long).reshape(-1, 3).unbind(1)
    matrix = CSRMatrix.from_coo(row, column, value.double(), (4, 5))
    assert torch.equal(matrix.to_dense(), dense)
    assert torch.equal(matrix @ torch.eye(5, dtype=torch.float64), dense)
    index = torch.tensor([3, 0, 3])
    assert torch.equal(matrix.rows(index), dense[index])


@pytest.mark.parametrize("layout", ["to_sparse_coo", "to_sparse_csr", "to_sparse_csc"])
@pytest.mark.filterwarnings("ignore:Sparse")
def test_any_torch_layout_is_read(layout: str) -> None:
    dense = _random(6, 5, 0.4, 3, torch.float32)
    matrix = CSRMatrix.from_torch(getattr(dense, layout)())
    assert torch.equal(matrix.to_dense(), dense)
    assert matrix.num_entries == int(dense.count_nonzero())


def test_a_case_by_hand() -> None:
    matrix = CSRMatrix.from_dense(torch.tensor([[0.0, 2.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 3.0]]))
    assert matrix.row_pointer.tolist() == [0, 1, 1, 3]
    assert matrix.column.tolist() == [1, 0, 2]
    assert matrix.row_of_entry().tolist() == [0, 2, 2]
    assert (matrix.size(0), matrix.size(1), matrix.shape) == (3, 3, (3, 3))
    assert matrix.density == pytest.approx(1 / 3)
    assert repr(matrix) == "CSRMatrix(3 × 3, 3 entries)"


def test_empty_rows_and_no_entries_at_all() -> None:
    nothing = CSRMatrix.from_dense(torch.zeros(3, 4))
    h = torch.ones(4, 2, requires_grad=True)
    product = nothing @ h
    assert torch.equal(product, torch.zeros(3, 2))
    assert torch.equal(torch.autograd.grad(product.sum(), h)[0], torch.zeros(4, 2))
    assert torch.equal(nothing.rows(torch.tensor([1, 2])), torch.zeros(2, 4))


def test_dropout_keeps_the_law_of_dense_dropout() -> None:
    matrix = CSRMatrix.from_dense(torch.ones(200, 100))
    torch.manual_seed(0)
    dropped = matrix.dropout(0.3, training=True)
    values = dropped.value
    assert sorted(set(values.tolist())) == pytest.approx([0.0, 1 / 0.7], rel=1e-5)
    assert abs(float((values == 0).float().mean()) - 0.3) < 0.01
    assert abs(float(values.mean()) - 1) < 0.02
    assert torch.equal(dropped.to_dense() != 0, (values != 0).reshape(200, 100))
    assert matrix.dropout(0.3, training=False) is matrix
    assert matrix.dropout(0.0, training=True) is matrix


def test_the_transpose_follows_new_values() -> None:
    dense = _random(5, 6, 0.5, 4, torch.float64)
    matrix = CSRMatrix.from_dense(dense)
    doubled = matrix.with_values(2 * matrix.value)
    torch.testing.assert_close(_column_sums(doubled), 2 * _column_sums(matrix))


def test_moves_between_types_and_devices() -> None:
    dense = _random(5, 6, 0.5, 5, torch.float64)
    single = CSRMatrix.from_dense(dense).to(torch.float32)
    assert single.dtype == torch.float32
    assert torch.equal(single.to_dense(), dense.float())
    torch.testing.assert_close(_column_sums(single), dense.float().sum(dim=0))
    elsewhere = single.to("meta")
    assert elsewhere.device.type == elsewhere.row_pointer.device.type == "meta"
    assert torch.equal(single.to("cpu").to_dense(), single.to_dense())


def test_a_wrong_transpose_would_be_noticed() -> None:
    dense = _random(5, 6, 0.5, 6, torch.float64)
    matrix = CSRMatrix.from_dense(dense)
    pointer, row, order = matrix.transposed
    wrong = CSRMatrix(
        matrix.row_pointer,
        matrix.column,
        matrix.value,
        matrix.shape,
        (pointer, row, order.flip(0)),
    )
    torch.testing.assert_close(_column_sums(matrix), dense.sum(dim=0))
    assert not torch.allclose(_column_sums(wrong), dense.sum(dim=0))


@given(
    st.integers(1, 9),
    st.integers(1, 30),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([3, 30]),
    st.integers(0, 99),
)
def test_reordered_rows_are_those_of_the_dense_matrix(
    rows: int, columns: int, density: float, channels: int, seed: int
) -> None:
    """For the kernels of narrow and of wide products, forwards and backwards."""
    dense = _random(rows, columns, density, seed, torch.float64)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    matrix = CSRMatrix.from_dense(dense)
    matrix @ torch.ones(columns, 1, dtype=torch.float64)  # what is kept must not be handed on
    _column_sums(matrix)
    matrix.row_of_entry()
    reordered = matrix.reordered(order)
    assert torch.equal(reordered.to_dense(), dense[order])
    assert torch.equal(matrix.to_dense(), dense)
    h = _random(columns, channels, 1.0, seed + 1, torch.float64).requires_grad_()
    h_dense = h.detach().clone().requires_grad_()
    weight = _random(rows, channels, 1.0, seed + 2, torch.float64)
    ours, expected = reordered @ h, dense[order] @ h_dense
    torch.testing.assert_close(ours, expected, rtol=1e-12, atol=1e-12)
    (gradient,) = torch.autograd.grad((ours * weight).sum(), h)
    (gradient_dense,) = torch.autograd.grad((expected * weight).sum(), h_dense)
    torch.testing.assert_close(gradient, gradient_dense, rtol=1e-12, atol=1e-12)
    again = reordered.reordered(torch.argsort(order))
    assert torch.equal(again.column, matrix.column)
    assert torch.equal(again.row_pointer, matrix.row_pointer)
    for one, other in zip(again.transposed, matrix.transposed, strict=True):
        assert torch.equal(one, other)


@pytest.fixture
def tiny_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csr_tiles, "TILE_ROWS", 3)
    monkeypatch.setattr(csr_tiles, "TILED_FROM", 0)
    monkeypatch.setattr(csr_tiles, "TILE_ENTRIES", 0)


@pytest.mark.usefixtures("tiny_tiles")
@pytest.mark.parametrize("rows", [1, 3, 11])
@pytest.mark.parametrize("density", [0.0, 0.4])
def test_a_gradient_read_in_tiles_is_the_dense_one(rows: int, density: float) -> None:
    dense = _random(rows, 5, density, 0, torch.float64)
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(0))
    gradient = _random(rows, NARROW, 1.0, 1, torch.float64)
    matrix = CSRMatrix.from_dense(dense)
    doubled = matrix.with_values(2 * matrix.value)
    cases = {
        "as it is": (matrix, dense),
        "reordered": (matrix.reordered(order), dense[order]),
        "reordered twice": (matrix.reordered(order).reordered(order), dense[order][order]),
        "new values": (doubled, 2 * dense),
        "new values, reordered": (doubled.reordered(order), 2 * dense[order]),
        "in single precision": (matrix.to(torch.float32), dense),
    }
    for sparse, expected in cases.values():
        assert is_tiled(sparse.shape, sparse.num_entries, NARROW)
        h = torch.zeros(5, NARROW, dtype=sparse.dtype, requires_grad=True)
        found = torch.autograd.grad(sparse @ h, h, gradient.to(sparse.dtype))[0]
        torch.testing.assert_close(found.double(), expected.t() @ gradient, rtol=1e-5, atol=1e-6)


def test_a_transpose_left_in_the_old_order_would_be_noticed() -> None:
    dense = _random(6, 5, 0.5, 1, torch.float64)
    order = torch.tensor([2, 0, 1, 5, 3, 4])
    right = CSRMatrix.from_dense(dense).reordered(order)
    wrong = CSRMatrix(
        right.row_pointer,
        right.column,
        right.value,
        right.shape,
        CSRMatrix.from_dense(dense).transposed,
    )
    torch.testing.assert_close(_column_sums(right), dense.sum(0))
    assert not torch.allclose(_column_sums(wrong), dense.sum(0))


@pytest.mark.parametrize("index", [[0, 1, 2], [5, 0, 5], [3], []])
def test_chosen_rows_multiply_as_those_of_the_dense_matrix(index: list[int]) -> None:
    dense, chosen = _random(6, 5, 0.5, 0, torch.float64), torch.tensor(index, dtype=torch.long)
    rows = CSRMatrix.from_dense(dense).select(chosen)
    torch.testing.assert_close(rows.to_dense(), dense[chosen])
    torch.testing.assert_close(_column_sums(rows), dense[chosen].sum(0))


def test_a_block_shares_its_entries_and_transposes_itself() -> None:
    dense = _random(6, 5, 0.5, 1, torch.float64)
    dense[:, 4] = 0
    matrix = CSRMatrix.from_dense(dense)
    block = matrix.block(2, 5, 4)
    torch.testing.assert_close(block.to_dense(), dense[2:5, :4])
    assert block.value.untyped_storage().data_ptr() == matrix.value.untyped_storage().data_ptr()
    torch.testing.assert_close(_column_sums(block), dense[2:5, :4].sum(0))
