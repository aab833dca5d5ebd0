"""Encoders where PyG and torch put models: samplers, GAE, DGI, explainers, to_hetero, export."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.explain import CaptumExplainer, Explainer, Explanation, GNNExplainer
from torch_geometric.loader import NeighborLoader
from torch_geometric.nn import GAE, VGAE, DeepGraphInfomax, to_hetero

from graphdam.nn import GAT, GCN, Encoder, GraphSAGE

KINDS: list[tuple[type[Encoder], dict[str, Any]]] = [
    (GCN, {}),
    (GraphSAGE, {}),
    (GAT, {"heads": 2}),
    (GAT, {"heads": 2, "v2": True}),
]
every_kind = pytest.mark.parametrize(("kind", "arguments"), KINDS)
has_captum = importlib.util.find_spec("captum") is not None
has_sampler = any(importlib.util.find_spec(name) for name in ("pyg_lib", "torch_sparse"))


def build(kind: type[Encoder], arguments: dict[str, Any], *, depth: int = 2) -> Encoder:
    settings: dict[str, Any] = {"norm": "batch_norm", "act": "elu", "gate": "dam", **arguments}
    return kind(7, 8, depth, 4, **settings)


# Layer by layer.


@every_kind
@pytest.mark.parametrize("jk", [None, "last"])
def test_layer_by_layer_is_forward(
    kind: type[Encoder],
    arguments: dict[str, Any],
    jk: str | None,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, {**arguments, "jk": jk, "gate_output": True}, depth=3), [3, 5, 2])
    encoder.eval()
    h = x
    for layer in range(3):
        h = encoder.inference_per_layer(layer, h, edge_index, x.size(0))
    torch.testing.assert_close(h, encoder(x, edge_index))
    part = encoder.inference_per_layer(0, x, edge_index, 5)
    assert part.shape[0] == 5


class OneHop(NeighborLoader):  # type: ignore[misc]
    """A NeighborLoader's batches made by hand, so that no compiled sampler is needed."""

    def __init__(self, data: Data, *, batch_size: int) -> None:
        self.data, self.size = data, batch_size
        self.dataset = range(data.num_nodes)
        self.node_sampler = type("Sampler", (), {"num_neighbors": [-1]})

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.size)

    def __iter__(self) -> Iterator[Data]:
        for start in range(0, len(self.dataset), self.size):
            seeds = torch.tensor(self.dataset[start : start + self.size])
            yield one_hop(self.data.edge_index, seeds)


def one_hop(edge_index: Tensor, seeds: Tensor) -> Data:
    """The seeds first, then the nodes that reach them; edges by their new numbers."""
    edges = edge_index[:, torch.isin(edge_index[1], seeds)]
    others = [node for node in sorted(set(edges[0].tolist())) if node not in set(seeds.tolist())]
    nodes = torch.cat([seeds, torch.tensor(others, dtype=torch.long)])
    number = torch.full((int(nodes.max()) + 1,), -1)
    number[nodes] = torch.arange(nodes.numel())
    return Data(n_id=nodes, edge_index=number[edges], batch_size=seeds.numel())


@pytest.mark.parametrize(("kind", "arguments"), KINDS[1:])
def test_inference_over_batches_is_forward(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    """Not GCN: a batch's edges do not tell the degrees that it normalises by."""
    encoder = shake(build(kind, {**arguments, "gate_output": True}), [3, 2]).eval()
    loader = OneHop(Data(x=x, edge_index=edge_index), batch_size=7)
    torch.testing.assert_close(encoder.inference(loader), encoder(x, edge_index))


@pytest.mark.filterwarnings("ignore:Using 'NeighborSampler' without a 'pyg-lib'")
@pytest.mark.skipif(not has_sampler, reason="NeighborLoader needs pyg-lib or torch-sparse")
@pytest.mark.parametrize(("kind", "arguments"), KINDS[1:])
def test_neighbor_loader(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, {**arguments, "gate_output": True}), [3, 2]).eval()
    data = Data(x=x, edge_index=edge_index)
    whole = NeighborLoader(data, num_neighbors=[-1], batch_size=7)
    torch.testing.assert_close(encoder.inference(whole), encoder(x, edge_index))
    for batch in NeighborLoader(data, num_neighbors=[-1, -1], batch_size=5):
        seeds = batch.n_id[: batch.batch_size]
        # only pyg-lib counts what it sampled in every hop
        nodes, edges = batch.get("num_sampled_nodes"), batch.get("num_sampled_edges")
        out = encoder(
            batch.x,
            batch.edge_index,
            num_sampled_nodes_per_hop=nodes,
            num_sampled_edges_per_hop=edges,
        )
        torch.testing.assert_close(out[: batch.batch_size], encoder(x, edge_index)[seeds])


@every_kind
@pytest.mark.parametrize("attributed", [False, True])
def test_a_trimmed_forward_gives_the_seeds_what_the_whole_one_gives(
    kind: type[Encoder], arguments: dict[str, Any], attributed: bool, shake: Callable[..., Any]
) -> None:
    """Two hops by hand: seed 0 reads 1 and 2; 1 reads 3, 2 reads 3 and 4."""
    if attributed and kind is GAT:
        arguments = {**arguments, "edge_dim": 2}
    encoder = shake(build(kind, {**arguments, "norm": None}), [3]).eval()
    edges = torch.tensor([[1, 2, 3, 3, 4], [0, 0, 1, 2, 2]])
    x = torch.randn(5, 7, dtype=torch.float64)
    inputs: dict[str, Tensor] = {}
    if attributed and kind is GCN:
        inputs = {"edge_weight": torch.rand(5, dtype=torch.float64)}
    if attributed and kind is GAT:
        inputs = {"edge_attr": torch.randn(5, 2, dtype=torch.float64)}
    hops = {"num_sampled_nodes_per_hop": [1, 2, 2], "num_sampled_edges_per_hop": [2, 3]}
    trimmed = encoder(x, edges, **hops, **inputs)
    assert trimmed.shape == (3, 4)
    for same in (encoder.compact(), encoder.to_pyg()):
        torch.testing.assert_close(same(x, edges, **hops, **inputs), trimmed)
    if kind is not GCN:  # which normalises by the degrees of what is left, in PyG too
        torch.testing.assert_close(trimmed[0], encoder(x, edges, **inputs)[0])


# As a part of other models.


@every_kind
def test_in_a_graph_autoencoder(
    kind: type[Encoder], arguments: dict[str, Any], x: Tensor, edge_index: Tensor
) -> None:
    torch.manual_seed(0)
    encoder = build(kind, {**arguments, "gate_output": True}).double()
    model = GAE(encoder)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    # PyG would draw other negative edges at every step, with Python's generator.
    negatives = torch.randint(0, x.size(0), edge_index.shape)
    losses = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = model.recon_loss(model.encode(x, edge_index), edge_index, negatives)
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    model.eval()
    z = encoder.compact()(x, edge_index)
    torch.testing.assert_close(
        model.decode(z, edge_index), model.decode(model.encode(x, edge_index), edge_index)
    )


def test_in_a_variational_autoencoder(x: Tensor, edge_index: Tensor) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.trunk = GCN(7, 8, 1, gate="dam", gate_output=True).double()
            self.heads = nn.ModuleList(GCN(8, 4, 1).double() for _ in range(2))

        def forward(self, x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
            h = self.trunk(x, edge_index)
            mean, deviation = (head(h, edge_index) for head in self.heads)
            return mean, deviation

    model = VGAE(Twice())
    z = model.encode(x, edge_index)
    (model.recon_loss(z, edge_index) + model.kl_loss()).backward()
    assert all(p.grad is not None for p in model.parameters())


@every_kind
def test_in_deep_graph_infomax(
    kind: type[Encoder], arguments: dict[str, Any], x: Tensor, edge_index: Tensor
) -> None:
    encoder = build(kind, {**arguments, "gate_output": True}).double()
    model = DeepGraphInfomax(
        hidden_channels=4,
        encoder=encoder,
        summary=lambda z, *_: z.mean(dim=0).sigmoid(),
        corruption=lambda x, edges: (x[torch.randperm(x.size(0))], edges),
    ).double()
    assert encoder.widths == [8, 4]
    model.loss(*model(x, edge_index)).backward()
    assert all(p.grad is not None for p in encoder.parameters())


def explained(model: nn.Module, algorithm: Any, x: Tensor, edge_index: Tensor) -> Explanation:
    """What an explainer says of node 3."""
    torch.manual_seed(1)
    explainer = Explainer(
        model,
        algorithm=algorithm,
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    return explainer(x, edge_index, index=3)


@every_kind
@pytest.mark.parametrize("algorithm", ["GNNExplainer", "Saliency", "IntegratedGradients"])
@pytest.mark.filterwarnings("ignore:.*required_grads:UserWarning")  # Captum's own
def test_a_compact_encoder_has_the_explanation_of_the_gated_one(
    kind: type[Encoder],
    arguments: dict[str, Any],
    algorithm: str,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    if algorithm != "GNNExplainer" and not has_captum:
        pytest.skip("needs captum")

    def method() -> Any:
        return GNNExplainer(epochs=3) if algorithm == "GNNExplainer" else CaptumExplainer(algorithm)

    encoder = shake(build(kind, arguments), [3]).eval()
    of_gated = explained(encoder, method(), x, edge_index)
    of_compact = explained(encoder.compact(), method(), x, edge_index)
    assert of_gated.node_mask.shape == x.shape
    assert of_gated.edge_mask.shape == (edge_index.size(1),)
    assert bool((of_gated.edge_mask != 0).any())
    torch.testing.assert_close(of_compact.node_mask, of_gated.node_mask, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(of_compact.edge_mask, of_gated.edge_mask, rtol=1e-5, atol=1e-7)


# Of several kinds of nodes: `to_hetero` traces PyG's stock models, and so `to_pyg()`, where a layer
# takes two kinds of nodes (not GCN). It draws fresh weights for every kind: what comes through is
# the architecture.

NODES, EDGES = ("left", "right"), (("left", "to", "right"), ("right", "to", "left"))


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [(GraphSAGE, {}), (GAT, {"heads": 2, "add_self_loops": False})],
)
def test_to_hetero_of_the_stock_model_is_the_encoder_on_all_kinds_together(
    kind: type[Encoder],
    arguments: dict[str, Any],
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    """With one set of weights for all, and no kind that two kinds of edges reach."""
    encoder = shake(build(kind, arguments), [3]).eval().compact()
    hetero = to_hetero(encoder.to_pyg(), (list(NODES), list(EDGES)))
    copied = encoder.to_pyg().state_dict()
    for name, value in hetero.state_dict().items():
        value.copy_(copied[re.sub(r"\.(left|right)(__to__(left|right))?", "", name)])
    hetero.eval()
    is_left = torch.arange(x.size(0)) < 10
    crossing = edge_index[:, is_left[edge_index[0]] != is_left[edge_index[1]]]
    first = {"left": 0, "right": 10}
    edges = {}
    for source, name, target in EDGES:
        mine = crossing[:, is_left[crossing[0]] == (source == "left")]
        edges[source, name, target] = mine - torch.tensor([[first[source]], [first[target]]])
    out = hetero({"left": x[:10], "right": x[10:]}, edges)
    torch.testing.assert_close(torch.cat([out["left"], out["right"]]), encoder(x, crossing))


# Exported.


@every_kind
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.filterwarnings("ignore")  # torch.export's own
def test_exported_with_any_number_of_nodes_and_edges(
    kind: type[Encoder],
    arguments: dict[str, Any],
    compact: bool,
    x: Tensor,
    edge_index: Tensor,
    shake: Callable[..., Any],
) -> None:
    encoder = shake(build(kind, arguments), [3]).eval()
    model = encoder.compact() if compact else encoder
    nodes, edges = torch.export.Dim("nodes", min=4), torch.export.Dim("edges", min=4)
    program = torch.export.export(
        model, (x, edge_index), dynamic_shapes={"x": {0: nodes}, "edge_index": {1: edges}}
    )
    exported = program.module()
    torch.testing.assert_close(exported(x, edge_index), model(x, edge_index))
    other = torch.randn(41, 7, dtype=torch.float64), torch.randint(0, 41, (2, 123))
    torch.testing.assert_close(exported(*other), model(*other))
