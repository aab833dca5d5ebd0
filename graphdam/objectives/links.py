"""Graph auto-encoding: rebuild the links of a graph from inner products of its embeddings."""

from __future__ import annotations

from dataclasses import asdict, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphdam.data import Graph
from graphdam.data.graph import SplitName
from graphdam.data.held_out import HeldOut
from graphdam.data.link_split import FreePairs, LinkSplit
from graphdam.data.pair_products import pair_products
from graphdam.evaluation.links import link_products, scores_of_products
from graphdam.evaluation.ogb import hits_at, ogb_link_score
from graphdam.nn import Encoder
from graphdam.objectives.embedding import cluster_scores
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prepared import PreparedGraph

FIRST_LOG_DEVIATION = -2.0
"""About where the log of a posterior's deviation begins: at 0 the noise would drown the small means
that a fresh encoder writes, the more the wider it is, and the posterior could stay the prior."""

LARGEST_LOG_DEVIATION = 10.0
"""Of the log of a posterior's deviation, so that its exponential stays finite."""

PAIRS_WEIGHT = 0.1
"""Of what student and teacher say about pairs, beside how far their embeddings lie apart."""


class Pairs:
    """Linked pairs of the training graph, and as many others, drawn afresh every epoch.

    The others are uniform among the pairs of two nodes that the training graph does not link:
    held-out links may be among them, since nothing in training may know of these.

    Args:
        edge_index: int64 [2, 2 E], both directions of every link; self-loops are left out.
        num_nodes: N.
    """

    def __init__(self, edge_index: Tensor, num_nodes: int) -> None:
        self.links = edge_index[:, edge_index[0] < edge_index[1]]
        self.free = FreePairs(self.links, num_nodes)
        self.draw()

    def draw(self) -> None:
        """Other pairs without a link."""
        count, device = self.links.size(1), self.links.device
        self.others = self.free.at(torch.randint(len(self.free), (count,), device=device))

    def logits(self, z: Tensor) -> Tensor:
        """The inner products of the linked pairs, then those of the others: [2 E]."""
        return pair_products(z, torch.cat([self.links, self.others], dim=1))


class LinkReconstruction(Objective):
    r"""The graph auto-encoder of `"Variational Graph Auto-Encoders"
    <https://arxiv.org/abs/1611.07308>`_, GAE, or VGAE with `encoder` given.

    .. math::
        L = -\frac1E \sum_{(i, j) \in E} \log \sigma(z_i^\top z_j)
            - \frac1E \sum_{(i, j) \in R} \log(1 - \sigma(z_i^\top z_j))

    over the links E of the training graph and as many random pairs R without a link. VGAE draws
    :math:`z_i = \mu_i + \sigma_i \odot \epsilon` with the encoder's output :math:`\mu` and adds

    .. math::
        \frac1N \sum_i \frac1N \mathrm{KL}(\mathcal N(\mu_i, \sigma_i^2) \,\Vert\, \mathcal N(0, 1))

    A student is to be a rotation of its teacher's embedding, since inner products know no rotation
    (`missed_by_rotation`), and to say the same about the same pairs: added with weight 1/10 is
    the mean KL divergence of two outcomes, link or no link. Its embedding then says which nodes are
    linked, without a decoder.

    Departures: :math:`\log \sigma_i` is a linear map of :math:`\mu_i`, where the paper gives it a
    convolution of its own, so that one encoder with one output serves both objectives, and begins
    near -2; the sums run over the links and as many other pairs, not over all N² pairs, and are
    means.

    Scored by the area under the ROC curve, or by OGB's evaluator (Hits@K) where one belongs to the
    held-out links; the area is then told beside it.

    Args:
        split: the links to learn from and those held out.
        variational: the encoder whose output is to be a posterior's mean; None for GAE.
    """

    metric = "auc"

    def __init__(self, split: LinkSplit, *, variational: Encoder | None = None) -> None:
        super().__init__()
        self.split = split
        self.evaluator = split.evaluator
        if self.evaluator is not None:
            self.metric = f"hits_at_{hits_at(self.evaluator)}"
        self.pairs = Pairs(split.graph.edge_index, split.graph.num_nodes)
        self.log_deviation: nn.Linear | None = None
        if variational is not None:
            self.log_deviation = nn.Linear(variational.out_channels, variational.out_channels)
            nn.init.constant_(self.log_deviation.bias, FIRST_LOG_DEVIATION)

    def for_teacher(self, teacher: Encoder) -> Objective:
        if self.log_deviation is None:
            return self
        objective = LinkReconstruction(self.split, variational=teacher)
        objective.pairs = self.pairs  # both are asked about the same
        return objective.to(next(teacher.parameters()).device)

    def training_graph(self, graph: Graph) -> Graph:
        known = self.split.graph
        return replace(graph, edge_index=known.edge_index, edge_weight=known.edge_weight)

    def begin_epoch(self) -> None:
        self.pairs.draw()

    def outputs(self, encoder: Encoder, prepared: PreparedGraph) -> Tensor:
        return encoder(prepared.x, prepared.adjacency)  # type: ignore[no-any-return]

    def loss(self, encoder: Encoder, prepared: PreparedGraph, outputs: Tensor) -> Tensor:
        if self.log_deviation is None:
            return _reconstruction(*self.pairs.logits(outputs).chunk(2))
        log_deviation: Tensor = self.log_deviation(outputs).clamp(max=LARGEST_LOG_DEVIATION)
        # A closed dimension is not part of the posterior: it has no noise and no prior.
        is_open = torch.zeros(outputs.size(1), device=outputs.device)
        is_open[encoder.open_outputs.to(outputs.device)] = 1.0
        z = outputs + is_open * log_deviation.exp() * torch.randn_like(outputs)
        divergence = outputs.square() + (2 * log_deviation).exp() - 1 - 2 * log_deviation
        divergence = is_open * divergence
        prior = 0.5 * divergence.sum(1).mean() / len(outputs)
        return _reconstruction(*self.pairs.logits(z).chunk(2)) + prior

    def imitation(self, outputs: Tensor, taught: Tensor) -> Tensor:
        ours, theirs = self.pairs.logits(outputs), self.pairs.logits(taught)
        linked = theirs.sigmoid()
        divergence = linked * (F.logsigmoid(theirs) - F.logsigmoid(ours))
        divergence = divergence + (1 - linked) * (F.logsigmoid(-theirs) - F.logsigmoid(-ours))
        return missed_by_rotation(outputs, taught) + PAIRS_WEIGHT * divergence.mean()

    def disagreement(self, outputs: Tensor, taught: Tensor) -> Tensor:
        return missed_by_rotation(outputs, taught)

    def uninformed(self, taught: Tensor) -> Tensor:
        # the mean row, turned into one column
        length: Tensor = torch.linalg.vector_norm(taught.mean(0))
        return length.expand(len(taught), 1)

    @torch.no_grad()
    def evaluate(self, outputs: Tensor, prepared: PreparedGraph, split: SplitName) -> Evaluation:
        held_out = self._held_out(split)
        products = link_products(outputs, *held_out)
        if self.evaluator is None:
            score = scores_of_products(*products).auc
        else:
            score = ogb_link_score(self.evaluator, *products)
        return Evaluation(score, float(_reconstruction(*products)))

    def score_outputs(
        self, outputs: Tensor, prepared: PreparedGraph, *splits: SplitName
    ) -> list[dict[str, float]]:
        """Area under the ROC curve, and average precision, of the held-out links.

        Where OGB's evaluator scores them, its score stands before both.
        """
        return [self._scores_of(outputs, self._held_out(split)) for split in splits]

    def _scores_of(self, outputs: Tensor, held_out: HeldOut) -> dict[str, float]:
        products = link_products(outputs, *held_out)
        scores = {}
        if self.evaluator is not None:
            scores[self.metric] = ogb_link_score(self.evaluator, *products)
        return scores | asdict(scores_of_products(*products))

    def further(self, outputs: Tensor, prepared: PreparedGraph) -> dict[str, float]:
        return cluster_scores(outputs, prepared.graph)

    def num_scored(self, prepared: PreparedGraph, split: SplitName) -> int:
        held_out = self._held_out(split)
        # Hits@K is a share of the links
        counted = held_out[:1] if self.evaluator is not None else held_out
        return sum(pairs.size(1) for pairs in counted)

    def _held_out(self, split: SplitName) -> HeldOut:
        """The held-out pairs; of training as many as validation holds, so that it costs no more."""
        if split == "train":
            pairs = zip((self.pairs.links, self.pairs.others), self.split.val, strict=True)
            return HeldOut(*(_spread(each, val.size(1)) for each, val in pairs))
        return self.split.val if split == "val" else self.split.test


def _spread(pairs: Tensor, count: int) -> Tensor:
    """At most so many of the pairs, from all over the graph: they are in the order of the nodes."""
    step = max(1, pairs.size(1) // count)
    return pairs[:, ::step][:, :count]


def missed_by_rotation(z: Tensor, taught: Tensor) -> Tensor:
    r"""The share of a teacher's embedding that no rotation of a student's reaches.

    .. math::
        \min_{R^\top R = I} \frac{\lVert Z R - T \rVert_F^2}{\lVert T \rVert_F^2}
        = \frac{\lVert Z \rVert_F^2 - 2 \, \mathrm{tr}(R^\top Z^\top T) + \lVert T \rVert_F^2}{
            \lVert T \rVert_F^2}, \qquad R = U V^\top, \quad U S V^\top = Z^\top T

    with the embeddings Z [N, D] of the student and T [N, D'] of its teacher, the narrower of them
    filled up with zeros: the orthogonal Procrustes problem. R is found anew at every call and held
    fixed by the gradient, to which it contributes nothing where it is the best.

    Never less than what the first D principal axes of T miss (without centring), and they reach it.

    Args:
        z: the student's embedding.
        taught: the teacher's, without gradient.

    >>> taught = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    >>> turned, nothing = taught.flip(1), torch.zeros(2, 1)
    >>> float(missed_by_rotation(turned, taught)), float(missed_by_rotation(nothing, taught))
    (0.0, 1.0)
    """
    with torch.no_grad():
        u, _, v = torch.linalg.svd((z.t() @ taught).nan_to_num(), full_matrices=False)
        turned_back = taught @ v.t() @ u.t()
        size = taught.square().sum()
    missed: Tensor = z.square().sum() - 2 * (z * turned_back).sum() + size
    return missed / size.clamp(min=torch.finfo(size.dtype).tiny)


def _reconstruction(linked: Tensor, others: Tensor) -> Tensor:
    """Cross-entropy of the logits of links and of other pairs: the sum of the two means."""
    return F.softplus(-linked).mean() + F.softplus(others).mean()
