"""A compact model on disk: its sizes as JSON, its weights as safetensors, nothing pickled."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphdam.compaction.apply import cut_tensor, set_submodule
from graphdam.compaction.model_folder import (
    WEIGHTS,
    described,
    first_mismatch,
    read_description,
    read_weights,
    write_model,
)
from graphdam.compaction.slicing import (
    even_blocks,
    num_inputs,
    num_outputs,
    slice_in,
    slice_out,
)
from graphdam.errors import InexactError, ModelFileError
from graphdam.gates import gates_of

SIZES = "compact.json"


def save_compact(model: nn.Module, folder: str | os.PathLike[str]) -> None:
    """Write a compact model: the sizes of its layers, and its weights.

    Args:
        model: what `compact_model` returned, trained further or not.
        folder: made if it is not there.

    Raises:
        ModelFileError: a model with gates in it.
    """
    if gates_of(model):
        raise ModelFileError(
            f"This {type(model).__name__} still has gates: save what graphdam.compact_model makes "
            f"of it, or its state_dict to train it further."
        )
    layers = {path: _sizes(layer) for path, layer in model.named_modules() if _sizes(layer)}
    text = described(**{"class": type(model).__qualname__, "layers": layers})
    write_model(Path(folder) / SIZES, text, model.state_dict())


def load_compact(
    model: nn.Module | Callable[[], nn.Module], folder: str | os.PathLike[str]
) -> nn.Module:
    """The compact model in a folder, in evaluation mode.

    Args:
        model: the wide model as it is built before anything is pruned, or a function that builds
            it. A given one is not changed; its weights do not matter.
        folder: where `save_compact` wrote.

    Raises:
        ModelFileError: nothing there, corrupted, another version, or saved from another class or
            from a model of other layers or sizes than the given one can become.

    >>> import tempfile
    >>> from graphdam import attach_gates
    >>> wide = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 2))
    >>> x = torch.randn(8, 4)
    >>> small = attach_gates(wide, x, gate_kwargs={"initial_offset": -4.0}).compact()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_compact(small, folder)
    ...     loaded = load_compact(wide, folder)
    >>> loaded[0].out_features, torch.equal(loaded(x), small(x))
    (6, True)
    """
    path = Path(folder)
    description = read_description(
        path / SIZES,
        keys=("class", "layers"),
        kind="compact model",
        missing=f"No compact model in {path}: {SIZES} is missing. save_compact writes it.",
    )
    new = copy.deepcopy(model) if isinstance(model, nn.Module) else model()
    kind = type(new).__qualname__
    if kind != description["class"]:
        raise ModelFileError(
            f"{path / SIZES} holds a {description['class']}, and a {kind} was given to load it "
            f"into: build the model that was pruned."
        )
    state = read_weights(path / SIZES)
    for layer, sizes in description["layers"].items():
        _shrink(new, layer, sizes, path / SIZES)
    _shrink_tensors(new, state)
    dtypes = {value.dtype for value in state.values() if value.is_floating_point()}
    if len(dtypes) == 1:
        new.to(dtype=dtypes.pop())
    try:
        new.load_state_dict(state)
    except RuntimeError as error:
        raise ModelFileError(
            f"{path / WEIGHTS} does not fit the given {kind}: {first_mismatch(error)}. "
            f"Build the model that was pruned, with the same arguments."
        ) from None
    return new.eval()


def _sizes(layer: nn.Module) -> dict[str, Any]:
    """The type and the channels of a layer; nothing for a type that has no rule."""
    found: dict[str, Any] = {}
    for name, count in (("inputs", num_inputs), ("outputs", num_outputs)):
        try:
            found[name] = count(layer)
        except InexactError:
            continue
    return {"type": type(layer).__name__, **found} if found else {}


def _shrink(model: nn.Module, path: str, sizes: Mapping[str, Any], source: Path) -> None:
    """Cut one layer to its stored sizes; which channels go does not matter, weights follow."""
    try:
        layer = model.get_submodule(path)
    except AttributeError:
        layer = None
    place = f"'{path}'" if path else "the top"
    has = _sizes(layer) if layer is not None else {}
    fits = layer is not None and has.keys() == dict(sizes).keys() and has["type"] == sizes["type"]
    if not fits or any(has[side] < sizes[side] for side in has if side != "type"):
        raise ModelFileError(
            f"{source} holds a {_told(sizes)} at {place}, where the given {type(model).__name__} "
            f"has {'a ' * bool(has)}{_told(has)}: build the model that was pruned, with the same "
            f"arguments."
        )
    assert layer is not None
    input_blocks, output_blocks = even_blocks(layer)
    try:
        if has.get("outputs") != sizes.get("outputs"):
            layer = slice_out(layer, _first(has["outputs"], sizes["outputs"], output_blocks))
        if _sizes(layer).get("inputs") != sizes.get("inputs"):
            keep = _first(has["inputs"], sizes["inputs"], input_blocks)
            layer = slice_in(layer, keep, torch.ones(keep.numel()))
    except InexactError as error:
        raise ModelFileError(
            f"{source} holds a {_told(sizes)} at {place}, which the given model's {_told(has)} "
            f"cannot become: {error}"
        ) from error
    if model.get_submodule(path) is not layer:
        set_submodule(model, path, layer)


def _first(total: int, kept: int, blocks: int) -> Tensor:
    """The first channels of each block."""
    each = torch.arange(blocks).unsqueeze(1) * (total // blocks) + torch.arange(kept // blocks)
    return each.flatten()


def _shrink_tensors(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Cut parameters and buffers that the model's own code uses."""
    for path, module in list(model.named_modules()):
        if _sizes(module):
            continue
        for name, value in [*module._parameters.items(), *module._buffers.items()]:
            full = f"{path}.{name}" if path else name
            if value is None or full not in state or state[full].dim() != value.dim():
                continue
            for axis, size in enumerate(state[full].shape):
                if size < value.size(axis):
                    cut_tensor(model, full, axis, torch.arange(size))


def _told(sizes: Mapping[str, Any]) -> str:
    if not sizes:
        return "none such"
    counts = " and ".join(
        f"{sizes[side]} {side}" for side in ("inputs", "outputs") if side in sizes
    )
    return f"{sizes['type']} of {counts}"
