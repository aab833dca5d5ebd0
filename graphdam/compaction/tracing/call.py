"""One operation of a traced model: what it was given, what came out, and where it stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import Tensor, fx, nn

from graphdam.compaction.tracing.ties import Axes, Reason, Row, Ties, lasting_axes


@dataclass(frozen=True)
class Step:
    """One operation of the model: its node, the nodes that it reads, the layer that it is."""

    node: str
    reads: tuple[str, ...]
    layer: str | None = None


@dataclass
class Records:
    """What a walk through the model finds about its layers and tensors, by path.

    Attributes:
        ties: which channels go together.
        reads: of each layer that mixes channels, the row that it reads, and on which axis.
        writes: the row of each layer whose outputs are channels of their own.
        follows: the row of each layer that treats every channel alone, with weights for each.
        inside: the row of each map within a layer whose outputs that layer compares with each
            other, as attention does, before anybody else reads them.
        tensors: parameters and buffers that the model's own code uses.
        pinned: layers that no channel may leave, and why.
        unruled: layers with weights whose channels no rule knows, and why.
        steps: the operations in order, the output last; what the model is given reads itself.
    """

    ties: Ties = field(default_factory=Ties)
    reads: dict[str, tuple[int, Row]] = field(default_factory=dict)
    writes: dict[str, Row] = field(default_factory=dict)
    follows: dict[str, Row] = field(default_factory=dict)
    inside: dict[str, Row] = field(default_factory=dict)
    tensors: dict[str, Axes] = field(default_factory=dict)
    pinned: dict[str, str] = field(default_factory=dict)
    unruled: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    def read(self, path: str, axis: int, row: Row) -> None:
        """A layer mixes the channels of `row`, which stand on its input's axis (from the end)."""
        if path in self.reads:
            self.ties.tie(self.reads[path][1], row)
        self.reads.setdefault(path, (axis, row))
        self._pin(path, row)

    def write(self, path: str, count: int) -> Row:
        """The channels that a layer writes: the same at every call of it."""
        if path not in self.writes:
            self.writes[path] = self.ties.fresh(count)
            self._pin(path, self.writes[path])
        return self.writes[path]

    def follow(self, path: str, row: Row) -> None:
        """A layer holds a weight for every channel of `row`."""
        if path in self.follows:
            self.ties.tie(self.follows[path], row)
        self.follows.setdefault(path, row)
        self._pin(path, row)

    def _pin(self, path: str, row: Row) -> None:
        if path in self.pinned:
            self.ties.fix(row, Reason(self.pinned[path]))


class Within(Protocol):
    """Follows channels into a child of a layer that is one operation otherwise."""

    def __call__(self, name: str, axes: Axes, value: Tensor) -> Any: ...


@dataclass(frozen=True)
class Call:
    """One operation. `args` and `kwargs` hold what was computed, `axes` what is known of it."""

    records: Records
    node: fx.Node
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    axes: tuple[Any, ...]
    value: Any
    where: str
    path: str
    within: Within
    module: nn.Module | None = None

    @property
    def given(self) -> list[Axes]:
        """Every tensor among the arguments, in order."""
        return list(every_axes(self.axes))

    @property
    def first(self) -> Axes:
        return self.given[0]

    @property
    def name(self) -> str:
        """What the operation is called: of a layer its type, of a function its name."""
        if self.module is not None:
            return type(self.module).__name__
        target = self.node.target
        return target if isinstance(target, str) else str(getattr(target, "__name__", target))

    def argument(self, position: int, name: str, default: Any = None) -> Any:
        """An argument by its position or its name."""
        if len(self.args) > position:
            return self.args[position]
        return self.kwargs.get(name, default)

    def fix(self, row: Row, why: str) -> None:
        """The channels of `row` stay, because this operation `why`."""
        self.records.ties.fix(row, Reason(f"{self.subject} {why}"))

    @property
    def subject(self) -> str:
        """The operation in a sentence: its name and its place."""
        if self.module is not None:
            return f"{self.name} '{self.path}'"
        return f"{self.name}() in {self.where}"

    def fix_all(self, why: str = "treats them together in a way that no rule follows") -> Any:
        """Every channel stays that arrives, or that is ever tied to what comes out."""
        return self.hold(Reason(f"{self.subject} {why}"))

    def hold(self, reason: Reason) -> Any:
        """Likewise for a reason of any kind."""
        for axes in self.given:
            for row in axes.rows:
                self.records.ties.fix(row, reason)
        return held(self.value, self.records.ties, reason)


def every_axes(value: Any) -> Iterator[Axes]:
    """All `Axes` in nested arguments, in order."""
    if isinstance(value, Axes):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from every_axes(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from every_axes(item)


def without_channels(value: Any) -> Any:
    """The axes of a value that no channel reached, nested as it is; None for what is no tensor."""
    return _for_tensors(value, lasting_axes)


def held(value: Any, ties: Ties, reason: Reason) -> Any:
    """The axes of a value about which nothing is known: all that they are tied to stays."""

    def axes_of(shape: Iterable[int]) -> Axes:
        axes = Axes(tuple(ties.fresh(size) for size in shape))
        for row in axes.rows:
            ties.fix(row, reason)
        return axes

    return _for_tensors(value, axes_of)


def _for_tensors(value: Any, axes_of: Callable[[Iterable[int]], Axes]) -> Any:
    if isinstance(value, Tensor):
        return axes_of(value.shape)
    if isinstance(value, (tuple, list)):
        return tuple(_for_tensors(item, axes_of) for item in value)
    if isinstance(value, dict):
        return {key: _for_tensors(item, axes_of) for key, item in value.items()}
    return None
