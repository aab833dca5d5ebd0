"""Run a model once on an example and follow its channels through every operation."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx, nn

from graphdam.compaction.tracing.call import (
    Call,
    Records,
    Step,
    every_axes,
    held,
    without_channels,
)
from graphdam.compaction.tracing.functions import FUNCTIONS
from graphdam.compaction.tracing.layers import rule_of
from graphdam.compaction.tracing.ties import Axes, Reason, lasting
from graphdam.errors import InexactError

OUTPUT = Reason("they are what the model puts out", expected=True)
SKIPPED = Reason("a layer that was to be skipped touches them", expected=True)

BY_HAND = (
    "Leave that part as it is with skip=('its.module.path',), or declare groups by hand: "
    "graphdam.compact_model(model, [graphdam.compaction.ChannelGroup(…)])."
)


def walk(model: nn.Module, example_inputs: tuple[Any, ...], skip: Collection[str] = ()) -> Records:
    """What is known of every layer's channels after one evaluation of the model.

    Args:
        model: in evaluation mode; it is run once and not changed.
        example_inputs: what it is called with.
        skip: paths of modules that are not looked into, and whose channels stay.

    Raises:
        InexactError: the model cannot be traced, as where its flow depends on its data.
    """
    tracer = _Tracer(skip)
    try:
        graph = tracer.trace(model, _unused_arguments(model, len(example_inputs)))
    except Exception as error:
        raise InexactError(
            f"{tracer.place(model)} cannot be traced by torch.fx: {_sentence(error)} {BY_HAND}"
        ) from error
    module = fx.GraphModule(model, graph)
    follower = _Follower(module, model, skip)
    defaults = [node.args[0] if node.args else None for node in graph.find_nodes(op="placeholder")]
    arguments = [*example_inputs, *defaults[len(example_inputs) :]]
    try:
        with torch.no_grad():
            follower.run(*arguments)
    except Exception as error:
        raise InexactError(
            f"{type(model).__name__} could not be run on example_inputs, in {follower.where}: "
            f"{_sentence(error)} Give what the model is called with, as a tensor or a tuple."
        ) from error
    return follower.records


class _Tracer(fx.Tracer):
    """Looks into every module but torch's own and the skipped, and knows where it stands."""

    def __init__(self, skip: Collection[str]) -> None:
        super().__init__()
        self._skip = skip
        self._innermost = ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return module_qualified_name in self._skip or super().is_leaf_module(
            m, module_qualified_name
        )

    def call_module(
        self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        outer, self._innermost = self._innermost, self.path_of_module(m)
        result = super().call_module(m, forward, args, kwargs)
        self._innermost = outer  # after an error it stays where that happened
        return result

    def place(self, model: nn.Module) -> str:
        kind = type(model.get_submodule(self._innermost)).__name__
        return f"{kind} '{self._innermost}'" if self._innermost else kind


class _Follower(fx.Interpreter):
    def __init__(self, module: fx.GraphModule, model: nn.Module, skip: Collection[str]) -> None:
        super().__init__(module)
        self.records = Records(pinned=_pinned(model, module.graph))
        self.where = "the model"
        self._skip = skip
        self._axes: dict[fx.Node, Any] = {}
        self._own = dict(model.named_parameters()) | dict(model.named_buffers())
        self._top = type(model).__name__

    def run_node(self, n: fx.Node) -> Any:
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        stack = list(n.meta.get("nn_module_stack") or ())
        path = str(n.target) if n.op == "call_module" else str(stack[-1]) if stack else ""
        self.where = f"'{path}'" if path else self._top
        value = super().run_node(n)
        box: Any = lambda node: _Boxed(self._axes[node])  # noqa: E731
        axes = fx.node.map_arg((n.args, n.kwargs), box)
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        given = _unboxed(axes)
        call = Call(self.records, n, args, dict(kwargs), given, value, self.where, module)
        self._axes[n] = self._follow(call)
        reads = (n.name,) if n.op == "placeholder" else tuple(m.name for m in n.all_input_nodes)
        self.records.steps.append(Step(n.name, reads, path if n.op == "call_module" else None))
        return value

    def _follow(self, call: Call) -> Any:
        node = call.node
        if node.op == "placeholder":
            return without_channels(call.value)
        if node.op == "get_attr":
            return self._tensor(call)
        if node.op == "output":
            for axes in call.given:
                for row in axes.rows:
                    self.records.ties.fix(row, OUTPUT)
            return None
        if not call.given:
            return without_channels(call.value)
        if node.op == "call_module" and call.path in self._skip:
            return call.hold(SKIPPED)
        found = rule_of(call.module) if call.module is not None else FUNCTIONS.get(call.name)
        if found is None or not _of_torch(call):
            if call.module is not None and any(True for _ in call.module.parameters()):
                self.records.unruled[call.path] = f"no rule says how a {call.name} loses channels"
            return call.fix_all()
        try:
            found_axes: Any = found(call)
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


def _pinned(model: nn.Module, graph: fx.Graph) -> dict[str, str]:
    """Layers and tensors that cannot lose channels, and why."""
    modules = dict(model.named_modules())
    owners: dict[int, list[str]] = {}
    for path, module in modules.items():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                owners.setdefault(id(parameter), []).append(f"{path}.{name}" if path else name)
    pinned: dict[str, str] = {}
    for names in owners.values():
        for name in names if len(names) > 1 else ():
            others = " and ".join(f"'{other}'" for other in names if other != name)
            reason = f"'{name}' is the same parameter as {others}"
            pinned[name] = reason
            pinned[name.rpartition(".")[0]] = reason
    for path, module in modules.items():
        if rule_of(module) and (module._forward_pre_hooks or module._forward_hooks):
            pinned[path] = f"'{path}' has forward hooks, which may do anything"
    for name in {str(node.target) for node in graph.find_nodes(op="get_attr")}:
        path = name.rpartition(".")[0]
        if path in modules and rule_of(modules[path]):
            pinned[path] = pinned[name] = f"the model's own code uses '{name}'"
    return pinned


def _of_torch(call: Call) -> bool:
    if call.node.op != "call_function":
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


def _unused_arguments(model: nn.Module, given: int) -> dict[str, Any] | None:
    """Arguments that the example leaves out, at their defaults: tracing must not guess them."""
    parameters = list(inspect.signature(model.forward).parameters.values())
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return {p.name: p.default for p in named[given:] if p.default is not p.empty} or None


def _sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    text = (lines[0] if lines else type(error).__name__).strip().rstrip(".:")
    return f"{text}."
