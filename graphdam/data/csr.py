"""A constant sparse matrix that multiplies dense ones fast, forwards and backwards."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from graphdam.data.csr_product import compiled_product, multiply
from graphdam.data.csr_tiles import Tile, cut_tiles, is_tiled, pointer_of, times_by_tiles
from graphdam.data.dropout import drop


class CSRMatrix:
    r"""A constant sparse matrix :math:`S` [M, N] for products :math:`S H` with dense `H` [N, C].

    The rows are stored compressed, and so are those of the transpose, which the gradient
    :math:`\partial L / \partial H = S^\top \, \partial L / \partial (S H)` needs: both are made
    once, where `torch.sparse` transposes at every backward step. The product of a wide `H` runs as
    an `embedding_bag` (a weighted sum of rows), that of a narrow one as the CSR product of torch:
    each is the faster there on CPU (`benchmarks/speed.py` times both). A large gradient is read in
    tiles of rows, each while it lies in the cache.

    The entries themselves get no gradient: this is for features and adjacency matrices.

    >>> dense = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]])
    >>> (CSRMatrix.from_dense(dense) @ torch.eye(2)).tolist()
    [[0.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    """

    def __init__(
        self,
        row_pointer: Tensor,
        column: Tensor,
        value: Tensor,
        shape: tuple[int, int],
        transposed: tuple[Tensor, Tensor, Tensor] | None = None,
        tiles: list[Tile] | None = None,
    ) -> None:
        self.row_pointer, self.column, self.value = row_pointer, column, value
        self.shape = shape
        self._transposed = transposed  # made when first needed, where it is not given
        # made when first needed, and shared by all that differ in their values only
        self._tiles: list[Tile] = [] if tiles is None else tiles
        self._value_transposed: Tensor | None = None
        # what this one's rows are the reordered rows of, and where each of those has gone
        self._before: tuple[CSRMatrix, Tensor] | None = None
        self._row: Tensor | None = None

    @classmethod
    def from_coo(
        cls, row: Tensor, column: Tensor, value: Tensor, shape: tuple[int, int]
    ) -> CSRMatrix:
        """From entries (`row[e]`, `column[e]`) = `value[e]`; repeated positions add up."""
        by_row = torch.argsort(row * shape[1] + column, stable=True)
        row, column, value = row[by_row], column[by_row], value[by_row]
        index_type = torch.int32 if max(*shape, row.numel()) < 2**31 else torch.int64
        return cls(
            pointer_of(row, shape[0]).to(index_type),
            column.to(index_type),
            value,
            shape,
            _transposed(row, column, shape[1], index_type),
        )

    @classmethod
    def from_dense(cls, matrix: Tensor) -> CSRMatrix:
        """The non-zero entries of a dense matrix."""
        row, column = matrix.nonzero(as_tuple=True)
        return cls.from_coo(row, column, matrix[row, column], (matrix.size(0), matrix.size(1)))

    @classmethod
    def from_torch(cls, matrix: Tensor) -> CSRMatrix:
        """From a `torch.sparse` tensor of any layout."""
        coo = matrix.to_sparse_coo().coalesce()  # type: ignore[no-untyped-call]
        row, column = coo.indices()
        return cls.from_coo(row, column, coo.values(), (matrix.size(0), matrix.size(1)))

    @property
    def transposed(self) -> tuple[Tensor, Tensor, Tensor]:
        """Row pointer and column of the transpose, and where its entries stand in `value`."""
        if self._transposed is None:
            row, column = self.row_of_entry(), self.column.long()
            self._transposed = _transposed(row, column, self.shape[1], self.column.dtype)
        return self._transposed

    def size(self, dim: int) -> int:
        return self.shape[dim]

    @property
    def num_entries(self) -> int:
        return self.value.numel()

    @property
    def dtype(self) -> torch.dtype:
        return self.value.dtype

    @property
    def device(self) -> torch.device:
        return self.value.device

    @property
    def density(self) -> float:
        """Stored entries as a share of all positions, in [0, 1]."""
        return self.num_entries / max(1, self.shape[0] * self.shape[1])

    def row_of_entry(self) -> Tensor:
        """The row of every stored entry, in the order of `value`."""
        if self._row is not None:
            return self._row
        counts = self.row_pointer.diff()
        rows = torch.arange(self.shape[0], device=self.device)
        row = torch.repeat_interleave(rows, counts.to(rows.dtype), output_size=self.num_entries)
        if not torch.compiler.is_compiling():  # which would compile again for what is kept
            self._row = row
        return row

    def to_dense(self) -> Tensor:
        dense = self.value.new_zeros(self.shape)
        position = (self.row_of_entry(), self.column.long())
        return dense.index_put(position, self.value, accumulate=True)

    def to(self, target: torch.device | torch.dtype | str) -> CSRMatrix:
        """On another device, or with entries of another floating-point type."""
        if isinstance(target, torch.dtype):
            return self.with_values(self.value.to(target))
        transposed = self._transposed
        if transposed is not None:
            pointer, column, order = transposed
            transposed = pointer.to(target), column.to(target), order.to(target)
        return CSRMatrix(
            self.row_pointer.to(target),
            self.column.to(target),
            self.value.to(target),
            self.shape,
            transposed,
        )

    def with_values(self, value: Tensor) -> CSRMatrix:
        """The same positions with other entries."""
        return CSRMatrix(
            self.row_pointer, self.column, value, self.shape, self._transposed, self._tiles
        )

    def dropout(self, p: float, *, training: bool) -> CSRMatrix:
        """Each stored entry set to zero with probability `p`, the others divided by 1 − p.

        The same law as dense dropout, since a zero entry stays zero either way.
        """
        if not training or p == 0.0:
            return self
        return self.with_values(drop(self.value, p, training=True))

    def reordered(self, order: Tensor) -> CSRMatrix:
        """The matrix whose row i is row `order[i]` of this one; `order` is a permutation."""
        count = self.row_pointer.diff().long()[order]
        pointer = torch.cat([count.new_zeros(1), count.cumsum(0)])
        first = torch.repeat_interleave(self.row_pointer[:-1].long()[order] - pointer[:-1], count)
        entry = first + torch.arange(self.num_entries, device=self.device)
        place = torch.empty_like(order)
        place[order] = torch.arange(order.numel(), device=self.device)
        columns, values = self.column[entry], self.value[entry]
        reordered = CSRMatrix(pointer.to(self.row_pointer.dtype), columns, values, self.shape)
        reordered._before = self, place
        return reordered

    def entries_of(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """The entries of the chosen rows: which of these each stands in, and where in `value`."""
        start = self.row_pointer[index].long()
        count = self.row_pointer[index + 1].long() - start
        target = torch.repeat_interleave(torch.arange(index.numel(), device=self.device), count)
        first = torch.repeat_interleave(start - count.cumsum(0) + count, count)
        return target, first + torch.arange(target.numel(), device=self.device)

    def block(self, start: int, stop: int, num_columns: int | None = None) -> CSRMatrix:
        """The rows `start` … `stop` − 1, which share their entries with this matrix.

        Args:
            start: the first row.
            stop: the row behind the last.
            num_columns: of the block, where all of its entries lie in so many columns.
        """
        first, last = int(self.row_pointer[start]), int(self.row_pointer[stop])
        return CSRMatrix(
            self.row_pointer[start : stop + 1] - first,
            self.column[first:last],
            self.value[first:last],
            (stop - start, self.shape[1] if num_columns is None else num_columns),
        )

    def select(self, index: Tensor) -> CSRMatrix:
        """The matrix whose row i is row `index[i]` of this one."""
        target, entry = self.entries_of(index)
        return CSRMatrix(
            pointer_of(target, index.numel()).to(self.row_pointer.dtype),
            self.column[entry],
            self.value[entry],
            (index.numel(), self.shape[1]),
        )

    def rows(self, index: Tensor) -> Tensor:
        """The chosen rows, dense: [len(index), N]."""
        target, entry = self.entries_of(index)
        dense = self.value.new_zeros(index.numel(), self.shape[1])
        position = (target, self.column[entry].long())
        return dense.index_put(position, self.value[entry], accumulate=True)

    def times(self, other: Tensor) -> Tensor:
        """:math:`S H`, what `self @ other` is too; `torch.compile` finds methods, not operators."""
        if torch.compiler.is_compiling():
            rows = (self.row_pointer, self.column, self.value)
            return compiled_product(other, *rows, *self.transposed)  # type: ignore[no-any-return]
        if not (other.requires_grad and torch.is_grad_enabled()):
            return self._times(other)
        return _Product.apply(other, self)  # type: ignore[no-any-return, no-untyped-call]

    __matmul__ = times

    def __repr__(self) -> str:
        return f"CSRMatrix({self.shape[0]} × {self.shape[1]}, {self.num_entries} entries)"

    def _times(self, other: Tensor) -> Tensor:
        return multiply(self.row_pointer, self.column, self.value, self.shape, other)

    def _transposed_times(self, other: Tensor) -> Tensor:
        if self._before is not None:
            original, place = self._before
            return original._transposed_times(other[place])
        if self.device.type == "cpu" and is_tiled(self.shape, self.num_entries, other.size(1)):
            if not self._tiles:
                row, column = self.row_of_entry(), self.column.long()
                self._tiles += cut_tiles(self.row_pointer, row, column, self.shape[1])
            return times_by_tiles(self._tiles, self.value, other, self.shape[1])
        pointer, column, order = self.transposed
        if self._value_transposed is None:
            self._value_transposed = self.value[order]
        shape = (self.shape[1], self.shape[0])
        return multiply(pointer, column, self._value_transposed, shape, other)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, other: Tensor, matrix: CSRMatrix) -> Tensor:
        ctx.matrix = matrix
        return matrix._times(other)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.matrix._transposed_times(gradient.contiguous()), None


def _transposed(
    row: Tensor, column: Tensor, num_columns: int, index_type: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    by_column = torch.argsort(column, stable=True)
    pointer = pointer_of(column[by_column], num_columns)
    return pointer.to(index_type), row[by_column].to(index_type), by_column
