"""Do steps in bfloat16 learn what steps in float32 do, and is all that is kept float32?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils import parameters_to_vector

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.nn import Encoder
from graphdam.training import Settings, Trainer, build_gated
from graphdam.training.compute import require_precision

MakeSettings = Callable[..., Settings]


def trained(settings: Settings, graph: Graph) -> Encoder:
    torch.manual_seed(0)
    return Trainer(settings).fit(build_gated(settings, graph), graph).encoder


def dtypes_of_products(
    settings: Settings, graph: Graph, monkeypatch: pytest.MonkeyPatch
) -> dict[bool, set[torch.dtype]]:
    """What dense layers give, in steps (True) and in looks (False)."""
    found: dict[bool, set[torch.dtype]] = {True: set(), False: set()}
    linear = F.linear

    def watched(*arguments: Tensor) -> Tensor:
        out = linear(*arguments)
        found[torch.is_grad_enabled()].add(out.dtype)
        return out

    monkeypatch.setattr(F, "linear", watched)
    trained(settings, graph)
    return found


@pytest.mark.parametrize("gated", [True, False])
def test_steps_are_bfloat16_and_looks_float32(
    quick: MakeSettings, sbm: Graph, monkeypatch: pytest.MonkeyPatch, *, gated: bool
) -> None:
    # without dropout, a look of a float32 run is the forward pass of the next step
    given = {} if gated else {"gate": None, "dropout": 0.0, "feature_dropout": 0.0}
    settings = quick(epochs=3, precision="bf16", **given)
    found = dtypes_of_products(settings, sbm, monkeypatch)
    assert found == {True: {torch.bfloat16}, False: {torch.float32}}


def test_a_float32_run_computes_nothing_in_bfloat16(
    quick: MakeSettings, sbm: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = dtypes_of_products(quick(epochs=3), sbm, monkeypatch)
    assert found == {True: {torch.float32}, False: {torch.float32}}


@pytest.mark.parametrize("model", ["gcn", "graphsage", "gat"])
def test_what_is_handed_back_is_float32_and_compacts_exactly(
    quick: MakeSettings, sbm: Graph, model: str
) -> None:
    encoder = trained(quick(model=model, precision="bf16"), sbm)
    assert {each.dtype for each in encoder.parameters()} == {torch.float32}
    compact = encoder.compact()
    with torch.no_grad():
        gated_out, out = encoder(sbm.x, sbm.edge_index), compact(sbm.x, sbm.edge_index)
    torch.testing.assert_close(out, gated_out, rtol=1e-5, atol=1e-5)


def test_one_step_goes_where_a_float32_step_goes(quick: MakeSettings, sbm: Graph) -> None:
    still: dict[str, Any] = {"dropout": 0.0, "feature_dropout": 0.0, "gate": None, "epochs": 1}
    still |= {"optimiser": "sgd", "lr": 1.0}
    torch.manual_seed(0)
    begin = parameters_to_vector(build_gated(quick(**still), sbm).parameters()).detach()
    full, low = (
        parameters_to_vector(trained(quick(**still, precision=each), sbm).parameters()) - begin
        for each in ("float32", "bf16")
    )
    assert full.norm() > 1e-3 * begin.norm()
    assert not torch.equal(full, low)
    # bfloat16 keeps eight bits
    assert (full - low).norm() < 0.02 * full.norm()


def test_a_gpu_without_bfloat16_is_refused(
    quick: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "an old GPU")
    gpu = torch.device("cuda")
    with pytest.raises(SettingsError, match=r"precision=bf16 .*an old GPU.*take float32"):
        require_precision(quick(precision="bf16"), gpu)
    require_precision(quick(), gpu)
    require_precision(quick(precision="bf16"), torch.device("cpu"))
