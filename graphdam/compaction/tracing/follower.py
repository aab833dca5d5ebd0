"""Runs a traced model and follows its channels through every operation."""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from torch import Tensor, fx, nn

from graphdam.compaction.tracing.call import (
    Call,
    Records,
    Step,
    every_axes,
    held,
    without_channels,
)
from graphdam.compaction.tracing.functions import FUNCTIONS, LIBRARY
from graphdam.compaction.tracing.layers import OPAQUE, rule_of
from graphdam.compaction.tracing.operations import Rule
from graphdam.compaction.tracing.ties import Axes, Reason, lasting
from graphdam.compaction.tracing.tracer import Tracer
from graphdam.errors import InexactError

OUTPUT = Reason("they are what the model puts out", expected=True)
SKIPPED = Reason("a layer that was to be skipped touches them", expected=True)


class Follower(fx.Interpreter):
    """Runs a traced model, or a child of one of its layers, and follows the channels.

    Args:
        module: what was traced.
        model: the whole model.
        skip: see `walk`.
        records: where to write down what is found.
        parent: the path of the layer whose child this is, and a dot.
        called: the names of the operations whose child this is, and a slash after each.
        given: what is known of the child's input, and the operations that it comes from.
    """

    def __init__(
        self,
        module: fx.GraphModule,
        model: nn.Module,
        skip: Collection[str],
        records: Records,
        parent: str = "",
        called: str = "",
        given: tuple[Axes, tuple[str, ...]] | None = None,
    ) -> None:
        super().__init__(module)
        self.extra_traceback = False  # which stands before an error that says nothing itself
        self.records = records
        self.where = "the model"
        self.found: Any = None
        self._model = model
        self._skip = skip
        self._parent = parent
        self._called = called
        self._given = given
        self._axes: dict[fx.Node, Any] = {}
        self._ends: dict[fx.Node, str] = {}
        self._own = dict(model.named_parameters()) | dict(model.named_buffers())
        records.pinned |= _used(model, module.graph, parent)

    def run_node(self, n: fx.Node) -> Any:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        path = f"{self._parent}{n.target}"
        stack = list(n.meta.get("nn_module_stack") or ())
        place = path if n.op == "call_module" else f"{self._parent}{stack[-1]}" if stack else ""
        self.where = f"'{place}'" if place else type(self._model).__name__
        value = super().run_node(n)
        box: Any = lambda node: _Boxed(self._axes[node])  # noqa: E731
        axes = _unboxed(fx.node.map_arg((n.args, n.kwargs), box))
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        call = Call(
            self.records,
            n,
            args,
            dict(kwargs),
            axes,
            value,
            self.where,
            path,
            functools.partial(self._within, n),
            module,
        )
        self._axes[n] = self._follow(call)
        layer = path if n.op == "call_module" else None
        self.records.steps.append(Step(self._called + n.name, self._reads(n), layer))
        return value

    def _reads(self, node: fx.Node) -> tuple[str, ...]:
        """The operations that this one reads, a placeholder itself."""
        if node.op == "placeholder":
            return self._given[1] if self._given else (node.name,)
        if node in self._ends:
            return (self._ends[node],)
        module = self.fetch_attr(str(node.target)) if node.op == "call_module" else None
        read = node.all_input_nodes
        if isinstance(module, tuple(OPAQUE)) or node.target in LIBRARY:
            # What comes after the features, edges and indices, says only who hears of whom.
            read = []
            fx.node.map_arg([*node.args, *node.kwargs.values()][0], read.append)
        return tuple(self._called + other.name for other in read)

    def _within(self, node: fx.Node, name: str, axes: Axes, value: Tensor) -> Any:
        """What comes out of a child of the layer that `node` calls."""
        parent = f"{self._parent}{node.target}."
        child = _Child(name, self._model.get_submodule(parent + name))
        called = f"{self._called}{node.name}/"
        follower = Follower(
            Tracer(self._skip, parent).traced(child, (value,)),
            self._model,
            self._skip,
            self.records,
            parent,
            called,
            (axes, self._reads(node)),
        )
        follower.run(value)
        self._ends[node] = f"{called}output"
        return follower.found

    def _follow(self, call: Call) -> Any:
        node = call.node
        if node.op == "placeholder":
            return self._given[0] if self._given else without_channels(call.value)
        if node.op == "get_attr":
            return self._tensor(call)
        if node.op == "output" and self._given:
            self.found = call.axes[0][0]
            return None
        if node.op == "output":
            for axes in call.given:
                for row in axes.rows:
                    self.records.ties.fix(row, OUTPUT)
            return None
        if not call.given:
            return without_channels(call.value)
        if node.op == "call_module" and call.path in self._skip:
            return call.hold(SKIPPED)
        found = _rule(call)
        if found is None or not _of_torch(call):
            if call.module is not None and any(True for _ in call.module.parameters()):
                self.records.unruled[call.path] = f"no rule says how a {call.name} loses channels"
            return call.fix_all()
        try:
            found_axes: Any = found(call)
        except InexactError:
            raise  # a child of the layer cannot be traced
        except (AttributeError, IndexError, TypeError, ValueError):
            found_axes = None  # arguments of a form that the rule does not know
        return found_axes if _fits(found_axes, call.value) else call.fix_all()

    def _tensor(self, call: Call) -> Any:
        """A parameter or buffer that the model's own code uses: each axis may lose channels."""
        path = call.path
        if path not in self._own:
            return without_channels(call.value)
        if path in self.records.pinned:
            return held(call.value, self.records.ties, Reason(self.records.pinned[path]))
        if path not in self.records.tensors:
            fresh = self.records.ties.fresh
            rows = tuple(fresh(size) if size > 1 else lasting(size) for size in call.value.shape)
            self.records.tensors[path] = Axes(rows)
        return self.records.tensors[path]


class _Child(nn.Module):
    """Calls a module under the name that it has in its parent, and nothing else of the parent."""

    def __init__(self, name: str, child: nn.Module) -> None:
        super().__init__()
        self.add_module(name, child)

    def forward(self, x: Tensor) -> Any:
        (child,) = self.children()
        return child(x)


class _Boxed:
    """Keeps `fx` from looking into what is known of a node."""

    def __init__(self, content: Any) -> None:
        self.content = content


def _unboxed(value: Any) -> Any:
    if isinstance(value, _Boxed):
        return value.content
    if isinstance(value, (tuple, list)):
        return tuple(_unboxed(item) for item in value)
    if isinstance(value, dict):
        return {key: _unboxed(item) for key, item in value.items()}
    return None


def _used(model: nn.Module, graph: fx.Graph, parent: str) -> dict[str, str]:
    """Likewise the layers whose tensors the model's own code uses."""
    modules = dict(model.named_modules())
    used: dict[str, str] = {}
    for name in {f"{parent}{node.target}" for node in graph.find_nodes(op="get_attr")}:
        path = name.rpartition(".")[0]
        if path in modules and rule_of(modules[path]):
            used[path] = used[name] = f"the model's own code uses '{name}'"
    return used


def _rule(call: Call) -> Rule | None:
    if call.module is not None:
        return rule_of(call.module)
    target: Any = call.node.target
    return LIBRARY.get(target) or FUNCTIONS.get(call.name)


def _of_torch(call: Call) -> bool:
    if call.node.op != "call_function" or call.node.target in LIBRARY:
        return True
    home = getattr(call.node.target, "__module__", None) or "torch"
    return home.split(".")[0] in ("torch", "_operator", "builtins")


def _fits(axes: Any, value: Any) -> bool:
    """Whether what a rule says of a value has the value's shape."""
    shapes = [tuple(leaf.shape) for leaf in _flat(value) if isinstance(leaf, Tensor)]
    return [found.shape for found in every_axes(axes)] == shapes


def _flat(value: Any) -> list[Any]:
    if isinstance(value, (tuple, list)):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]
