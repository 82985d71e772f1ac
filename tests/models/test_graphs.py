"""Buffers, keys and the four cached graphs, with a fake capture that needs no device."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch

from engine.models import graphs
from engine.models.graphs import (
    ChainRunner,
    DirectRunner,
    GraphRunner,
    Part,
    State,
    capture_cuda,
    runner_for,
)
from tests.models.recorded_graphs import Recording
from tests.support.fake_cuda.device import FakeCuda


def double(state: State) -> State:
    return {"value": 2.0 * state["value"]}


def add_one(state: State) -> State:
    return {"value": state["value"] + 1.0}


def value(number: float) -> State:
    return {"value": torch.full((3,), number)}


@pytest.mark.parametrize(
    "calls", [DirectRunner(), GraphRunner(Recording())], ids=["direct", "graphs"]
)
def test_a_chain_runs_in_order_and_can_be_interrupted_only_between_parts(
    calls: ChainRunner,
) -> None:
    events: list[str] = []

    def noted(state: State) -> State:
        events.append("part")
        return add_one(state)

    for runs, number in enumerate((3.0, 4.0), start=1):
        result = calls.run(
            "a", [double, noted, double], value(number), lambda: events.append("between")
        )
        assert result["value"].tolist() == [4.0 * number + 2.0] * 3
        assert events[-3:] == ["between", "part", "between"] and events.count("between") == 2 * runs


def test_the_same_key_is_captured_once_and_fed_through_memory_that_is_not_the_callers() -> None:
    capture = Recording()
    calls = GraphRunner(capture)
    addresses, states = set(), [value(number) for number in (1.0, 2.0, 3.0)]
    for number, inputs in enumerate(states, start=1):
        assert calls.run("a", [double], inputs)["value"].tolist() == [2.0 * number] * 3
        addresses.add(capture.captured[0]["value"].data_ptr())
    assert len(capture.captured) == len(addresses) == 1
    assert [inputs["value"].tolist() for inputs in states] == [
        [number] * 3 for number in (1.0, 2.0, 3.0)
    ]


def test_more_small_graphs_are_cached_than_large_ones() -> None:
    """Up to eight that together are not larger than four of the largest."""
    capture = Recording()
    calls = GraphRunner(capture, max_small_graphs=8)

    def captures(*sizes: float) -> int:
        before = len(capture.captured)
        for size in sizes:
            calls.run(size, [double], {"value": torch.ones(int(size))})
        return len(capture.captured) - before

    large, small = (100, 100.1, 100.2, 100.3), tuple(10 + number / 10 for number in range(8))
    assert captures(*large, *large) == 4, "four large ones stay"
    assert captures(*small, *small) == 8, "and make room for eight small ones"
    assert captures(small[1]) == 0
    assert captures(small[0], 10.9) == 1 and captures(small[2]) == 1, (
        "the one unused for longest has gone"
    )
    assert captures(*large, small[0]) == 4 + 1 and captures(large[0]) == 1, (
        "the small one had to make room, too"
    )
    calls.drop()
    assert captures(*small, *small) == 16, "nothing larger is known to fit"


def test_while_nothing_may_be_captured_a_new_key_runs_directly_and_a_known_one_from_its_graph() -> (
    None
):
    capture = Recording()
    may_capture = True
    calls = GraphRunner(capture, may_capture=lambda: may_capture)
    interruptions: list[None] = []

    def runs(key: str) -> int:
        result = calls.run(key, [add_one, double], value(3.0), lambda: interruptions.append(None))
        assert result["value"].tolist() == [8.0] * 3
        return len(capture.captured)

    assert runs("a") == 1
    may_capture = False
    assert [runs("b"), runs("a"), runs("b")] == [1, 1, 1]
    assert len(interruptions) == 4
    may_capture = True
    assert runs("b") == 2


def test_graphs_are_for_cuda_only() -> None:
    assert isinstance(runner_for("cpu"), DirectRunner)
    assert isinstance(runner_for(torch.device("mps")), DirectRunner)
    assert isinstance(runner_for("cuda:1"), GraphRunner)


def test_each_chain_is_captured_on_a_separate_stream(fake_cuda: FakeCuda) -> None:
    """If a library keeps a workspace for each stream, chains of one stream would write into the
    same one."""
    used: dict[str, list[int]] = {}

    def noted(state: State, name: str) -> State:
        # not the stream: nobody may hold it
        used.setdefault(name, []).append(fake_cuda.timeline.current().number)
        return state

    calls = {name: GraphRunner(capture_cuda, max_graphs=2) for name in ("encode", "unet", "decode")}
    calls["encode"].run("kept", [partial(noted, name="kept")] * 2, value(1.0))
    for shape in range(30):
        for name in ("unet", "decode"):
            calls[name].run(shape, [partial(noted, name=f"{name} {shape}")] * 2, value(1.0))
    assert len(used) == 61
    assert all(len(set(streams)) == 1 and len(streams) == 8 for streams in used.values()), (
        "three runs, one capture"
    )
    assert [name for name, streams in used.items() if streams[0] == used["kept"][0]] == ["kept"], (
        "it is still there"
    )
    for shape in range(1, 30):
        living = [
            used[f"{name} {each}"][0] for name in ("unet", "decode") for each in (shape - 1, shape)
        ]
        assert len(set(living)) == 4


def test_a_capture_that_fails_leaves_nothing_behind() -> None:
    def fail(parts: Sequence[Part], buffers: State) -> tuple[list[Callable[[], None]], State]:
        raise torch.OutOfMemoryError("full")

    calls = GraphRunner(fail)
    for _ in range(2):
        with pytest.raises(torch.OutOfMemoryError):
            calls.run("a", [double], value(1.0))


def test_a_capture_is_limited_to_the_memory_left_and_measures_convolutions_meanwhile(
    fake_cuda: FakeCuda, monkeypatch: pytest.MonkeyPatch
) -> None:
    cudnn: Any = torch.backends.cudnn
    seen, limited = list[Any](), list[torch.device]()
    monkeypatch.setattr(graphs, "limit_to_free", limited.append)

    def noted(state: State) -> State:
        seen.append((cudnn.benchmark, cudnn.enabled, cudnn.deterministic))
        if len(seen) > 4:
            raise torch.OutOfMemoryError("full")
        return state

    before = cudnn.enabled, cudnn.deterministic
    GraphRunner(capture_cuda).run("a", [noted], value(1.0))
    with pytest.raises(torch.OutOfMemoryError):
        GraphRunner(capture_cuda).run("a", [noted], value(1.0))
    assert limited == [torch.device("cpu")] * 2, "the device of the buffers"
    assert seen == [(True, *before)] * 5 and not cudnn.benchmark, (
        "three runs and the capture, then a failure"
    )
