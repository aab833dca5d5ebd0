"""Does a run compute where and with as many threads as it says?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits
from tiny_images import tiny_images

from graphdam.data import Graph
from graphdam.errors import SettingsError
from graphdam.training import Settings, compute
from graphdam.training.compute import choose_device, threads_for

MakeSettings = Callable[..., Settings]


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits(2):
        torch.set_num_threads(2)
        yield
        torch.set_num_threads(before)


def test_small_graphs_get_one_thread_and_the_number_comes_back(
    quick: MakeSettings, karate: Graph
) -> None:
    with threads_for(quick(threads=None), karate) as threads:
        assert threads == torch.get_num_threads() == 1
        assert {library["num_threads"] for library in threadpool_info()} == {1}
    assert torch.get_num_threads() == 2
    assert {library["num_threads"] for library in threadpool_info()} == {2}


def test_large_graphs_keep_all_threads(
    quick: MakeSettings, karate: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "MANY_NODES", karate.num_nodes)
    with threads_for(quick(threads=None), karate) as threads:
        assert threads == torch.get_num_threads() == 2


@pytest.mark.parametrize(("model", "expected"), [("lenet5", 1), ("preresnet", 2)])
def test_only_deep_models_of_images_keep_all_threads(model: str, expected: int) -> None:
    settings = Settings.of(dataset="mnist", model=model)
    with threads_for(settings, tiny_images()) as threads:
        assert threads == torch.get_num_threads() == expected


def test_the_setting_wins_and_a_failure_puts_the_number_back(
    quick: MakeSettings, karate: Graph
) -> None:

    def fail() -> None:
        with threads_for(quick(threads=3), karate):
            assert torch.get_num_threads() == 3
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.get_num_threads() == 2


def test_devices_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected


@pytest.mark.parametrize("name", ["cuda:99", "gpu", ""])
def test_a_device_that_is_not_here_is_refused(name: str) -> None:
    with pytest.raises(SettingsError) as caught:
        choose_device(name)
    message = str(caught.value)
    assert message.startswith(f"The device '{name}' cannot be used here (")
    assert message.endswith("): choose cpu, or auto.")
    assert "\n" not in message
