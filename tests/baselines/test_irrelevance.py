"""The penalty on irrelevant weights, the loop that prunes them, and the masks that hold them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GATConv, GCNConv, RGCNConv, SAGEConv

from graphdam.baselines import (
    PruningLoop,
    WeightMasks,
    add_irrelevance_gradient,
    irrelevance_penalty,
    weights_of,
)
from graphdam.errors import SettingsError, TrainingError


class Everything(nn.Module):
    """A layer of every kind whose weights are pruned."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm = nn.LayerNorm(8)
        self.conv = nn.Conv1d(8, 8, 3, padding=1)
        self.recurrent = nn.GRU(8, 8, batch_first=True)
        self.gcn, self.sage, self.gat = GCNConv(8, 8), SAGEConv(8, 8), GATConv(8, 4, heads=2)
        self.relational = RGCNConv(8, 8, num_relations=2)
        self.out = nn.Linear(8, 3)

    def forward(self, index: Tensor, edges: Tensor) -> Tensor:
        h = self.table(index)
        h = self.norm(self.attention(h, h, h, need_weights=False)[0])
        h = self.recurrent(self.conv(h.transpose(1, 2)).transpose(1, 2))[0]
        h = h.flatten(0, 1)
        h = self.gcn(h, edges) + self.sage(h, edges) + self.gat(h, edges)
        h = self.relational(h, edges, torch.arange(edges.size(1)) % 2)
        out: Tensor = self.out(h)
        return out


def everything() -> tuple[Everything, Tensor]:
    torch.manual_seed(0)
    model = Everything()
    index = torch.arange(6).view(2, 3)
    edges = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    return model, model(index, edges).square().mean()


def test_the_closed_form_is_what_a_second_backward_pass_adds() -> None:
    model, loss = everything()
    loss.backward()  # type: ignore[no-untyped-call]
    weights = list(weights_of(model).values())
    # small gradients must count for something, or every irrelevance would be 1
    gradients = [weight.grad.clone() for weight in weights if weight.grad is not None]
    penalty = irrelevance_penalty(weights, gradients, strength=0.3, sensitivity=1e-3)
    penalty.backward()  # type: ignore[no-untyped-call]
    expected = [weight.grad.clone() for weight in weights if weight.grad is not None]
    for weight, gradient in zip(weights, gradients, strict=True):
        weight.grad = gradient.clone()
    add_irrelevance_gradient(weights, strength=0.3, sensitivity=1e-3)
    for weight, wanted, before in zip(weights, expected, gradients, strict=True):
        assert weight.grad is not None
        assert torch.allclose(weight.grad, wanted, atol=1e-7)
        assert not torch.equal(weight.grad, before)


def test_the_penalty_by_hand() -> None:
    weights, gradients = [torch.tensor([2.0, -1.0])], [torch.tensor([0.0, -3.0])]
    found = float(irrelevance_penalty(weights, gradients, strength=0.1, sensitivity=1.5))
    assert found == pytest.approx(0.1 * (4 + math.exp(-2)))


def test_weights_that_the_loss_feels_decay_less() -> None:
    felt, unfelt = nn.Parameter(torch.tensor([1.0])), nn.Parameter(torch.tensor([1.0]))
    felt.grad, unfelt.grad = torch.tensor([5.0]), torch.tensor([0.0])
    add_irrelevance_gradient([felt, unfelt], strength=0.5)
    assert float(felt.grad) - 5 < 0.01
    assert float(unfelt.grad) == 1.0


def test_every_kind_of_layer_has_weights_to_prune_and_no_norm_or_bias() -> None:
    found = weights_of(everything()[0])
    layers = {name.split(".")[0] for name in found}
    assert layers == {
        *("table", "attention", "conv", "recurrent", "gcn", "sage", "gat", "relational", "out"),
    }
    assert not [name for name in found if name.endswith("bias")]


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_masked_weights_stay_at_zero_under_an_optimiser(kind: str) -> None:
    torch.manual_seed(0)
    model, index = Everything(), torch.arange(6).view(2, 3)
    edges = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    optimiser: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if kind == "sgd":
        optimiser = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.1)
    masks = WeightMasks(model)
    masks.keep_under(optimiser)
    for _ in range(3):
        for _ in range(2):
            optimiser.zero_grad()
            model(index, edges).square().mean().backward()
            optimiser.step()
            for name, weight in masks.weights.items():
                assert not weight[masks.masks[name] == 0].any()
        masks.prune(0.5)
    assert masks.sparsity == pytest.approx(0.875, abs=1e-3)
    zeros = sum(int((weight == 0).sum()) for weight in masks.weights.values())
    assert zeros == masks.num_weights - masks.num_left


def test_pruning_takes_the_smallest_of_all_layers_together() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 7), nn.Linear(7, 5))
    every = torch.cat([weight.detach().flatten() for weight in weights_of(model).values()]).abs()
    masks = WeightMasks(model)
    assert masks.prune(0.3) == round(0.3 * 77)
    kept = torch.cat([weight.detach().flatten() for weight in masks.weights.values()])
    assert kept[kept != 0].abs().min() >= every.sort().values[round(0.3 * 77)]
    left = masks.num_left
    assert masks.prune(0.3) == round(0.3 * left)
    assert masks.prune(1.0) == masks.weights["0.weight"].numel() + 35 - 23 - round(0.3 * left)
    assert masks.sparsity == 1


def test_an_optimiser_of_another_model_is_refused() -> None:
    masks = WeightMasks(nn.Linear(3, 2))
    other = torch.optim.SGD(nn.Linear(3, 2).parameters(), lr=0.1)
    with pytest.raises(
        SettingsError, match=r"does not hold 'weight' .* parameters of another model"
    ):
        masks.keep_under(other)


def test_what_cannot_be_masked_is_refused() -> None:
    with pytest.raises(SettingsError, match="This LayerNorm has no weights to prune"):
        WeightMasks(nn.LayerNorm(3))
    with pytest.raises(SettingsError, match=r"share .* above 0 and at most at 1, received 1\.2"):
        WeightMasks(nn.Linear(3, 2)).prune(1.2)
    with pytest.raises(SettingsError, match="'weight' of this LazyLinear has no shape yet"):
        weights_of(nn.LazyLinear(3))


def loop(**given: float) -> PruningLoop:
    settings = {"dense_looks": 2, "tolerance": 0.05, "decay_steps": 10, "patience": 3, **given}
    return PruningLoop(**settings)  # type: ignore[arg-type]


def test_the_loop_prunes_where_validation_has_come_back_and_stops_where_it_does_not() -> None:
    pruning = loop()
    scores = (0.8, 0.9, 0.86, 0.8, 0.85, 0.7, 0.7, 0.7, 0.99)
    verdicts = [pruning.look(score) for score in scores]
    assert verdicts == [
        *("train", "prune"),  # the dense phase, and its end
        *("prune", "train", "prune"),
        *("train", "train", "stop", "train"),
    ]
    assert pruning.bound == pytest.approx(0.85)


def test_the_strength_decays_within_a_pruning_interval() -> None:
    pruning = loop(decay_steps=4)
    assert pruning.share_of_strength == 1
    shares = []
    for _ in range(6):
        pruning.end_step()
        shares.append(pruning.share_of_strength)
    assert shares == [0.75, 0.5, 0.25, 0, 0, 0]
    pruning.look(0.8)
    pruning.look(0.9)
    assert pruning.share_of_strength == 1


def test_a_lower_bound_above_the_dense_score_is_refused_at_the_end_of_the_dense_phase() -> None:
    pruning = loop(lower_bound=0.95)
    pruning.look(0.94)
    with pytest.raises(
        TrainingError,
        match=r"lower bound 0\.95 lies above the 0\.94 that the dense model reached .* in 2 looks",
    ):
        pruning.look(0.93)


def test_a_restored_loop_goes_on_as_it_would_have() -> None:
    scores = (0.8, 0.9, 0.86, 0.8, 0.7, 0.7, 0.7)
    straight, resumed = loop(), loop()
    expected = [straight.look(score) for score in scores]
    begun = loop()
    first = [begun.look(score) for score in scores[:4]]
    resumed.restore(begun.values())
    assert first + [resumed.look(score) for score in scores[4:]] == expected


@pytest.mark.parametrize("name", ["dense_looks", "decay_steps", "patience"])
def test_a_loop_without_time_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} is 1 or more, received 0"):
        loop(**{name: 0})
    with pytest.raises(SettingsError, match=r"tolerance is 0 or more, received -0\.1"):
        loop(tolerance=-0.1)
