"""Somebody's own model under the whole recipe: a teacher, a brake, a width that is learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from graphdam.compaction import GatedModel
from graphdam.data import Graph, GraphSet, Images, load_graph
from graphdam.errors import SettingsError
from graphdam.report import HistoryLine
from graphdam.training.own_settings import (
    AnyOwn,
    defaults_for,
    require_as_deep,
    require_fitting,
    stirred,
    with_targets,
    with_trained_teacher,
)
from graphdam.training.settings import Settings
from graphdam.training.task_of import own_task
from graphdam.training.trainer import Trainer, seeded

if TYPE_CHECKING:
    from torch_geometric.data import Data


@dataclass(frozen=True)
class Narrowed:
    """What `narrow` found.

    Attributes:
        model: a smaller model of the given one's class, in evaluation mode; the teacher where
            validation puts the gated model clearly below it, and a note says so.
        widths: channels that stay, by the name of their group.
        start_widths: how many there were.
        metric: what scores are: `accuracy`, `roc_auc`, or the error `mae`.
        val, test: scores of `model`, read once.
        teacher_val, teacher_test: those of the teacher; None without one.
        deviation: how far the outputs of `model` lie from the gated model's, in units of the
            largest.
        notes: what a reader of the result should know.
        fit: the finished run: the gated model, the teacher, the epochs that were chosen.
    """

    model: nn.Module
    widths: dict[str, int]
    start_widths: dict[str, int]
    metric: str
    val: float
    test: float
    teacher_val: float | None
    teacher_test: float | None
    deviation: float
    notes: list[str]
    fit: Any


def narrow(
    net: nn.Module,
    data: Graph | GraphSet | Images | Data | Sequence[Data],
    *,
    teacher: nn.Module | None = None,
    train_teacher: bool = True,
    settings: Settings | None = None,
    target_widths: Mapping[str, int] | None = None,
    seed: int = 0,
    on_epoch: Callable[[HistoryLine], None] | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 10.0,
) -> Narrowed:
    """Learn how wide somebody's own model of nodes, whole graphs or images has to be.

    What `graphdam train` does for models of ours, for one that was written with PyG or torch:
    gates are attached to all channels that can be removed exactly, the gated model learns beside a
    wide teacher whose predictions it imitates, λ presses on its widths as long as it stays close
    to the teacher, and what is left is compacted.

    ========================================  ===========================  ===================
    data                                      the model is called as       and writes a row of
    ========================================  ===========================  ===================
    `Graph`, PyG `Data`                       `net(x, edge_index)`         a node
    `GraphSet`, PyG data set, list of `Data`  `net(x, edge_index, batch)`  a graph
    `Images`                                  `net(images)`                an image
    ========================================  ===========================  ===================

    Of graphs `edge_weight` and `edge_attr` are given by name where the model takes them and the
    data has them; a model that takes one argument alone is given all of it as a PyG `Data`.

    Args:
        net: see above; writes a score for each class, the logit of each yes or no, or numbers.
            Not changed.
        data: see above, `load_graph`, `GraphSet.of` and `load_images`.
        teacher: a wide model, trained in the same run; a copy of `net` if None. Not changed.
        train_teacher: False if the teacher, or `net` where there is no other, is trained already:
            it takes no step. The gated model begins with the weights of `net` in either case.
        settings: of any recipe with gates; the default recipe if None. For nodes
            `Settings.of(feature_dropout=0.0)`, as a model brings its own dropout; for graphs
            `Settings.of(objective="graph-classification")`, or "graph-regression" where they have
            numbers to be told; for images those of the set. What they say of a model's make
            (`model`, `num_layers`, `start_width`, …) is not read.
            With `batch_size` the steps on a graph read sampled neighbourhoods of so many nodes, a
            hop for every `MessagePassing` in the model (`neighbors`), or `loader="cluster"`,
            clusters of about so many; looks and scores read it whole, without gradients.
        target_widths: end at exactly these widths, by the name of the layer that writes the
            channels (`attach_gates(…).layout` names them); groups without one stay whole.
            `target_width` in the settings is one width for all groups.
        seed: of dropout.
        on_epoch: called with every epoch's line of history.
        checkpoint: file to keep the state in, and to go on from if it exists.
        checkpoint_seconds: least time between two checkpoints.

    Raises:
        InexactError: nothing can be gated, see `attach_gates`; layers that cannot lose channels
            exactly are left as they are.
        SettingsError: settings that say nothing of such a model, or one that writes anything but
            a number for each class or target of every node, graph or image.
        DataError: graphs that cannot be learnt from, see `GraphSet.of`.
        TrainingError: a loss that is not finite, or a checkpoint of another run.

    >>> from torch_geometric.nn import GCN
    >>> from graphdam.data import load_graph
    >>> net = GCN(34, 16, num_layers=2, out_channels=4)
    >>> found = narrow(net, load_graph("karate"), settings=Settings.of(epochs=3))
    >>> list(found.start_widths.values()), found.deviation < 1e-5
    ([16], True)
    """
    device = next(net.parameters()).device
    known = _made_ready(data).to(device)
    settings = settings or defaults_for(known)
    require_fitting(settings, known)
    if teacher is not None and settings.batch_size is not None and isinstance(known, Graph):
        require_as_deep(settings, net, teacher)
    task = own_task(settings, known, net)
    settings = stirred(task)
    if not train_teacher:
        settings = with_trained_teacher(settings, teacher)
    if target_widths is not None:
        settings = settings.model_copy(update={"target_width": [1]})  # whatever the least width is
    task = own_task(settings, known, net)
    with seeded(seed, device):
        gated = task.build_gated().to(device)
    if target_widths is not None:
        settings = with_targets(settings, gated, target_widths)
    wide: Any = teacher if teacher is not None else net if settings.teacher else None
    trainer = Trainer(settings, on_epoch=on_epoch, checkpoint_seconds=checkpoint_seconds)
    fit = trainer.fit(gated, known, teacher=copy.deepcopy(wide), seed=seed, checkpoint=checkpoint)
    objective = task.build_objective(gated, seed=seed)
    prepared = task.prepare(gated, objective)
    model: nn.Module = fit.encoder
    small = model.compact().eval() if isinstance(model, GatedModel) else model

    def scores(of: nn.Module) -> tuple[float, float]:
        val, test = objective.results(objective.quiet_outputs(of, prepared), prepared)
        return val[objective.metric], test[objective.metric]

    starts = {group.name: group.num_channels for group in gated.groups}
    final = gated if small is not model else own_task(settings, known, small).build_gated()
    names = (group.name for group in final.groups)
    val, test = scores(small)
    of_teacher = (None, None) if fit.teacher is None else scores(fit.teacher)
    return Narrowed(
        model=small,
        widths=dict(zip(names, final.widths, strict=True)),
        start_widths=starts,
        metric=objective.metric,
        val=val,
        test=test,
        teacher_val=of_teacher[0],
        teacher_test=of_teacher[1],
        deviation=task.deviation(model, small, prepared),
        notes=fit.notes + task.notes(),
        fit=fit,
    )


def _made_ready(data: AnyOwn | Data | Sequence[Data]) -> AnyOwn:
    from torch_geometric.data import Data

    if isinstance(data, Graph | GraphSet | Images):
        return data
    if isinstance(data, Data):
        return load_graph(data)
    try:
        graphs = list(data)
    except (TypeError, KeyError, NotImplementedError):
        graphs = []
    if not graphs or not all(isinstance(graph, Data) for graph in graphs):
        raise SettingsError(
            f"A model is narrowed on a graph (a Graph, or a PyG Data), on a set of graphs (a "
            f"GraphSet, a PyG data set, or a list of Data) or on Images; received "
            f"{type(data).__name__}."
        )
    return GraphSet.of(graphs)
