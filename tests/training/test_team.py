"""Do several processes take the same decisions, and refuse to begin with different settings?"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from sampler import has_sampler, stripes
from torch import Tensor
from training_runs import start

from graphdam.data import load_graph
from graphdam.errors import SettingsError, TrainingError
from graphdam.nn import ClusterSampling
from graphdam.objectives import PreparedSubgraphs
from graphdam.report import HistoryLine
from graphdam.training import Settings, Trainer
from graphdam.training.checkpoint import read_checkpoint
from graphdam.training.graph_task import GraphTask
from graphdam.training.team import Team, _backend, current_team, joined, leads_here

ROOT = Path(__file__).resolve().parents[2]

LOST = 9
"""The exit code of a process that goes without a word."""


GIVEN: dict[str, Any] = {
    "dataset": "digits",
    "device": "cpu",
    "batch_size": 600,
    "epochs": 4,
    "hidden_channels": 32,
    "start_width": 16,
    "norm": "batch_norm",
    "gate_begin": 0.0,
    "gate_end": 0.5,
}


ALL_AT_ONCE: dict[str, Any] = {
    "recipe": "wide",
    "dataset": "digits",
    "device": "cpu",
    "batch_size": 200,  # all training nodes
    "neighbors": -1,
    "epochs": 4,
    "hidden_channels": 32,
    "optimiser": "sgd",
    "lr": 1.0,
    "dropout": 0.0,
    "feature_dropout": 0.0,
}
"""Steps in which nothing is drawn but who takes which nodes."""


def _work(rank: int, folder: Path) -> None:
    """All that two processes are asked, in one pair of them: to start one takes seconds."""
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    team = current_team()
    _check_collectives(team)
    _check_that_the_leader_cuts(team)
    if has_sampler:
        _check_training(team, folder)
        taken = _train_on_all_at_once()
        if team.leads:
            save_file(taken, folder / "pair.safetensors")
    if rank == 1:
        os._exit(LOST)
    _check_that_it_is_alone(team)
    os._exit(0)


def _check_collectives(team: Team) -> None:
    parameters = [torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(1, 3))]
    parameters[0].grad = torch.tensor([1.0, 2.0]) * (team.rank + 1)
    team.average_gradients(parameters)  # the second has none, which is as well
    assert parameters[0].grad.tolist() == [1.5, 3.0]
    assert parameters[1].grad is None
    assert team.agreed(0.1 + team.rank, float(team.rank)) == [0.1, 0.0]
    assert team.shared(b"of the leader" if team.leads else b"") == b"of the leader"
    assert team.shared(b"") == b""
    norm = torch.nn.BatchNorm1d(2)
    norm.running_mean = torch.full((2,), float(team.rank))
    team.share_buffers(norm)
    assert norm.running_mean.tolist() == [0.0, 0.0]
    team.require_same({"epochs": 3, "threads": team.rank, "device": str(team.rank)})
    with pytest.raises(SettingsError) as caught:
        team.require_same({"epochs": 3, "lr": [0.1, 0.2][team.rank]})
    assert str(caught.value) == (
        "Process 0 was started with lr=0.1 and process 1 with lr=0.2: start all processes of a "
        "run with the same command."
    )


def _check_that_the_leader_cuts(team: Team) -> None:
    def cut(edges: Tensor, num_nodes: int, num_clusters: int) -> Tensor:
        assert team.leads, "METIS may be missing elsewhere, or another version"
        return stripes(edges, num_nodes, num_clusters)

    settings = Settings.of(**{**GIVEN, "loader": "cluster", "num_clusters": 40})
    graph = load_graph("digits")
    task, encoder = GraphTask(settings, graph), start(settings, graph)
    loaders = "graphdam.training.loaders"
    with patch(f"{loaders}.metis", cut), patch(f"{loaders}.require_metis", lambda: None):
        prepared = task.prepare_training(encoder, task.build_objective(encoder, seed=0))
        assert isinstance(prepared, PreparedSubgraphs)
        assert isinstance(prepared.sampling, ClusterSampling)
        assert prepared.sampling.clusters[1].tolist() == list(range(1, graph.num_nodes, 40))
        torch.manual_seed(0)
        seeds = torch.cat([batch.seeds for batch in prepared.batches()])
    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(team.size)]
    dist.all_gather(sizes, torch.tensor([seeds.numel()]))
    assert int(sum(sizes)) == graph.num_nodes
    seen = torch.zeros(graph.num_nodes).index_fill(0, seeds, 1.0)
    dist.all_reduce(seen)
    assert seen.tolist() == [1.0] * graph.num_nodes  # each node in one process's steps


def _check_training(team: Team, folder: Path) -> None:
    settings, graph = Settings.of(**GIVEN), load_graph("digits")

    def train(*, stop_at: int | None = None) -> dict[str, Tensor]:
        def on_epoch(line: HistoryLine) -> None:
            if line.epoch == stop_at:
                raise KeyboardInterrupt

        trainer = Trainer(settings, on_epoch=on_epoch, checkpoint_seconds=0)
        checkpoint = folder / "seed-0.safetensors" if team.leads else None
        fit = trainer.fit(start(settings, graph), graph, checkpoint=checkpoint)
        return fit.encoder.state_dict()

    with pytest.raises(KeyboardInterrupt):
        train(stop_at=2)
    if team.leads:
        assert read_checkpoint(folder / "seed-0.safetensors").values["epoch"] == 2
    resumed = train()
    if team.leads:
        (folder / "seed-0.safetensors").unlink()
    whole = train()
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name
        of_leader = torch.frombuffer(
            bytearray(team.shared(value.contiguous().numpy().tobytes())), dtype=value.dtype
        )
        assert torch.equal(of_leader.view_as(value), value), name


def _train_on_all_at_once() -> dict[str, Tensor]:
    settings, graph = Settings.of(**ALL_AT_ONCE), load_graph("digits")
    return Trainer(settings).fit(start(settings, graph), graph).encoder.state_dict()


def _check_that_it_is_alone(team: Team) -> None:
    def ask_again_and_again() -> None:
        for _ in range(1000):
            team.require_same({})

    with pytest.raises(TrainingError) as caught:
        ask_again_and_again()
    assert str(caught.value) == (
        "Another process of this run has gone, so this one stops: what was saved is whole; start "
        "all of them again with --resume."
    )


@pytest.mark.slow
def test_two_processes_take_the_same_decisions_and_one_that_is_left_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pair averages gradients, trains to one set of weights, resumes, and loses one of it; where
    all seed nodes take part in every step, it takes the steps of one process."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])  # where they find this file
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_work, args=(rank, tmp_path)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
    assert [process.exitcode for process in processes] == [0, LOST]
    if has_sampler:
        alone, pair = _train_on_all_at_once(), load_file(tmp_path / "pair.safetensors")
        for name, value in alone.items():
            torch.testing.assert_close(pair[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("gpus", "backend"), [(0, "gloo"), (1, "gloo"), (2, "cpu:gloo,cuda:nccl")])
def test_each_process_takes_a_gpu_of_its_own_if_there_are_enough(
    monkeypatch: pytest.MonkeyPatch, gpus: int, backend: str
) -> None:
    taken: list[int] = []
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    monkeypatch.setattr(dist, "is_nccl_available", lambda: True)
    assert _backend() == backend
    assert taken == ([1] if gpus == 2 else [])


def test_one_process_is_a_team_of_itself() -> None:
    with joined() as team:
        assert team == current_team() == Team(0, 1)
        assert team.leads
        assert leads_here()
        assert team.agreed(0.5, 2.0) == [0.5, 2.0]
        assert team.shared(b"content") == b"content"
        team.require_same({"epochs": 3})
    assert not dist.is_initialized()
