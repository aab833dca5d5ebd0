"""Somebody's own model under the whole recipe: a teacher, a brake, a width that is learnt."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn

from graphdam.compaction import GatedModel
from graphdam.compaction.tracing.tracer import sentence
from graphdam.data import Graph, GraphSet, Images, is_image_set, load_graph
from graphdam.errors import SettingsError
from graphdam.report import HistoryLine
from graphdam.training.own_loaders import hops
from graphdam.training.own_task import OwnTask
from graphdam.training.settings import Settings
from graphdam.training.task_of import own_task
from graphdam.training.trainer import Trainer, seeded

if TYPE_CHECKING:
    from torch_geometric.data import Data

AnyOwn: TypeAlias = Graph | GraphSet | Images
"""What a model of one's own can be narrowed on."""


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
    settings = settings or _defaults(known)
    _require_fitting(settings, known)
    if teacher is not None and settings.batch_size is not None and isinstance(known, Graph):
        _require_as_deep(settings, net, teacher)
    task = own_task(settings, known, net)
    settings = _stirred(task)
    if target_widths is not None:
        settings = settings.model_copy(update={"target_width": [1]})  # whatever the least width is
    task = own_task(settings, known, net)
    with seeded(seed, device):
        gated = task.build_gated().to(device)
    if target_widths is not None:
        settings = _with_targets(settings, gated, target_widths)
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


def _defaults(data: AnyOwn) -> Settings:
    if isinstance(data, Graph):
        return Settings.of(feature_dropout=0.0)
    if isinstance(data, GraphSet):
        return Settings.of(objective=_objective_of(data))
    if not is_image_set(data.name):
        raise SettingsError(
            f"'{data.name}' is no set of images with settings of its own: give settings, as "
            f"Settings.of(dataset='cifar10')."
        )
    return Settings.of(dataset=data.name)


def _objective_of(graphs: GraphSet) -> str:
    return "graph-regression" if graphs.task == "regression" else "graph-classification"


def _require_fitting(settings: Settings, data: AnyOwn) -> None:
    """Settings with gates, of what the data is about."""
    if isinstance(data, Graph):
        needed, of = "node-classification", "Settings.of('default')"
    elif isinstance(data, GraphSet):
        needed = _objective_of(data)
        of = f"Settings.of(objective='{needed}')"
    else:
        needed, of = "image-classification", "Settings.of(dataset='mnist')"
    if settings.objective != needed:
        raise SettingsError(
            f"A model of your own learns {needed} here; received objective="
            f"'{settings.objective}' and dataset='{settings.dataset}': take settings as {of}."
        )
    if settings.gate is None or settings.nested:
        raise SettingsError(
            "A model of your own is narrowed by gates, and these settings know none, or nested "
            "losses: take recipe 'default', 'paper', 'l1' or 'l0'."
        )
    if not isinstance(data, Graph):
        return
    if data.links is not None:
        raise SettingsError(f"{data.name} has links to predict, and no labels to be learnt.")
    if settings.memory_budget is not None:
        raise SettingsError(
            f"memory_budget={settings.memory_budget:g} is for models whose memory can be told "
            f"beforehand: for your own give batch_size, or neither to read the whole graph in "
            f"every step."
        )
    if settings.loader == "saint":
        raise SettingsError(
            "loader='saint' weighs what neighbours send, and a model of your own need not take "
            "weights: take loader='neighbor' or 'cluster'."
        )


def _require_as_deep(settings: Settings, net: nn.Module, teacher: nn.Module) -> None:
    """A sample holds as many hops as the model reads, and its teacher reads the same sample."""
    if settings.loader == "cluster":
        return
    drawn, needed = hops(settings, net), hops(settings, teacher)
    if len(needed) > len(drawn):
        raise SettingsError(
            f"The teacher reads neighbours {len(needed)} hops away, and a batch is drawn for the "
            f"{len(drawn)} of the model: take loader='cluster', or a teacher of as many layers."
        )


def _with_targets(
    settings: Settings, gated: GatedModel, target_widths: Mapping[str, int]
) -> Settings:
    whole = {group.name: group.num_channels for group in gated.groups}
    for name, width in target_widths.items():
        if name not in whole or not 1 <= width <= whole[name]:
            known = ", ".join(f"'{group}' of {count}" for group, count in whole.items())
            raise SettingsError(
                f"target_widths asks for {width} channels of '{name}': a width is at least 1 and "
                f"at most what there is, and the groups of channels are {known}."
            )
    return settings.model_copy(update={"target_width": [*(whole | {**target_widths}).values()]})


def _stirred(task: OwnTask[Any]) -> Settings:
    """Settings that say whether training disturbs the model, by its dropout or its norms."""
    trial = copy.deepcopy(task.net)
    given, further = task.example()
    try:
        with torch.no_grad(), seeded(0, next(trial.parameters()).device):
            quiet, noisy = (trial.train(mode)(*given, **further) for mode in (False, True))
    except Exception as error:
        hint = "Give its forward these arguments first."
        looks_up = any(isinstance(module, nn.Embedding) for module in trial.modules())
        if looks_up and isinstance(task.data, GraphSet) and task.data.x.is_floating_point():
            hint = "An Embedding reads whole numbers: GraphSet.of(…, categorical=True) keeps them."
        raise SettingsError(
            f"{type(trial).__name__} could not be called as {task.called} on {task.name}: "
            f"{sentence(error)} {hint}"
        ) from error
    rows, columns = task.example_shape
    if quiet.shape != (rows, columns):
        raise SettingsError(
            f"The model writes {list(quiet.shape)} numbers for {rows} {task.item}s, and "
            f"[{rows}, {columns}] are needed: a row for each {task.item}, a column for each class "
            f"or target."
        )
    dropout = 0.0 if torch.equal(quiet, noisy) else 0.5
    return task.settings.model_copy(update={"dropout": dropout})
