"""A model as a graph of operations, by `torch.fx`: a library's layers are one operation each."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from torch import Tensor, fx, nn
from torch.fx._symbolic_trace import PH
from torch.utils._pytree import tree_map

from graphdam.compaction.tracing.functions import LIBRARY, LIBRARY_MODULES
from graphdam.compaction.tracing.layers import OPAQUE, is_whole
from graphdam.errors import InexactError

BY_HAND = (
    "Leave that part as it is with skip=('its.module.path',), or declare groups by hand: "
    "graphdam.compact_model(model, [graphdam.compaction.ChannelGroup(…)])."
)


class Tracer(fx.Tracer):
    """Looks into every module but a library's layers and the skipped, and knows where it stands.

    Args:
        skip: paths of modules that are not looked into.
        prefix: the path of what is traced in the whole model, and a dot; empty for the whole.
    """

    def __init__(self, skip: Collection[str], prefix: str = "") -> None:
        super().__init__(autowrap_functions=tuple(LIBRARY))
        # Only these functions there: fx would wrap every class of `autowrap_modules` too.
        self._autowrap_search += LIBRARY_MODULES
        self._skip = skip
        self._prefix = prefix
        self._innermost = ""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return (
            self._prefix + module_qualified_name in self._skip
            or is_whole(m)
            or super().is_leaf_module(m, module_qualified_name)
        )

    def call_module(
        self, m: nn.Module, forward: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        outer, self._innermost = self._innermost, self.path_of_module(m)
        result = super().call_module(m, forward, args, kwargs)
        self._innermost = outer  # after an error it stays where that happened
        return result

    def traced(self, model: nn.Module, example_inputs: tuple[Any, ...]) -> fx.GraphModule:
        """The model as a graph of operations.

        Raises:
            InexactError: it cannot be traced.
        """
        try:
            places: Any = _places(model, example_inputs)  # as `fx` takes them, not as it says
            with _called_as_modules(OPAQUE):
                return fx.GraphModule(model, self.trace(model, places))
        except Exception as error:
            kind = type(model.get_submodule(self._innermost)).__name__
            place = f" '{self._prefix}{self._innermost}'" if self._innermost else ""
            raise InexactError(
                f"{kind}{place} cannot be traced by torch.fx: {sentence(error)} {BY_HAND}"
            ) from error


@contextlib.contextmanager
def _called_as_modules(kinds: Iterable[type[nn.Module]]) -> Iterator[None]:
    """Layers that check what they are given before they are called: `fx` hears only of the call."""
    own = [(kind, vars(kind)["__call__"]) for kind in kinds if "__call__" in vars(kind)]
    for kind, _ in own:
        kind.__call__ = lambda layer, *args, **kwargs: (  # type: ignore[method-assign]
            nn.Module.__call__(layer, *args, **kwargs)
        )
    try:
        yield
    finally:
        for kind, call in own:
            kind.__call__ = call  # type: ignore[method-assign]


def _places(
    model: nn.Module, example_inputs: tuple[Any, ...]
) -> dict[str, Any] | tuple[Any, ...] | None:
    """What tracing must not guess: arguments that the example leaves out, at their defaults, and
    what is in those that hold several tensors.

    Where a model takes any (`*args`, as PyG's `Sequential`), a place for each that is given.
    """
    parameters = list(inspect.signature(model.forward).parameters.values())
    if parameters and parameters[0].kind is inspect.Parameter.VAR_POSITIONAL:
        return (PH,) * len(example_inputs)
    named = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    given = len(example_inputs)
    places = {p.name: p.default for p in named[given:] if p.default is not p.empty}
    for parameter, value in zip(named, example_inputs, strict=False):
        if isinstance(value, (dict, list, tuple)):
            places[parameter.name] = tree_map(_place, value)
    return places or None


def _place(leaf: Any) -> Any:
    return PH if isinstance(leaf, Tensor) else leaf


def sentence(error: Exception) -> str:
    """What an error says first, as a sentence."""
    lines = str(error).strip().splitlines()
    text = (lines[0] if lines else type(error).__name__).strip().rstrip(".:")
    return f"{text}."
