"""The fake CUDA device names each kind of fault with its line. That it computes and counts, the
walks on it show."""

import inspect
from collections.abc import Callable

import pytest
import torch

from tests.support.fake_cuda.device import FakeCuda
from tests.support.fake_cuda.ledger import FaultKind


def numbers(*size: int) -> torch.Tensor:
    return torch.ones(size, device="cuda")


def pinned(count: int = 4) -> torch.Tensor:
    return torch.ones(count, pin_memory=True)


def captured(call: Callable[[], object]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
        call()
    return graph


# -- one planted fault of each kind, with the line that is to be named (marked)

PLANTED: list[tuple[Callable[[FakeCuda], None], FaultKind]] = []


def planted(kind: FaultKind) -> Callable[[Callable[[FakeCuda], None]], Callable[[FakeCuda], None]]:
    def add(fault: Callable[[FakeCuda], None]) -> Callable[[FakeCuda], None]:
        PLANTED.append((fault, kind))
        return fault

    return add


@planted(FaultKind.WAIT_IN_CAPTURE)
def wait_in_a_capture(card: FakeCuda) -> None:
    there = numbers(4)
    captured(lambda: there.sum().item())  # here


@planted(FaultKind.RACE)
def a_missing_wait_stream(card: FakeCuda) -> None:
    there, side = numbers(4), torch.cuda.Stream()
    with torch.cuda.stream(side):
        there.add_(1.0)  # here


@planted(FaultKind.POOL_OVERWRITTEN)
def a_result_of_a_pool_after_another_graph_ran(card: FakeCuda) -> None:
    """Use a result whose memory another graph of the pool has overwritten, with an intermediate one
    of its own."""
    there, stream, pool, results, graphs = numbers(4), torch.cuda.Stream(), None, [], []
    for _ in range(2):
        graphs.append(torch.cuda.CUDAGraph())
        with torch.cuda.graph(graphs[-1], pool=pool, stream=stream):
            results.append((there * 2.0) + 1.0)
        pool = pool or graphs[-1].pool()
    for graph in graphs:
        graph.replay()
    assert results[0].tolist() == results[1].tolist() == [3.0] * 4
    graphs[0].replay()
    results[1] + 1.0  # here


@planted(FaultKind.FREED_BEFORE_REPLAY)
def a_weight_that_is_freed_before_the_replay(card: FakeCuda) -> None:
    weights = [numbers(4)]
    graph = captured(lambda: weights[0] + 1.0)
    weights.clear()
    graph.replay()  # here


@planted(FaultKind.PINNED_REUSED)
def a_pinned_buffer_rewritten_through_an_older_array(card: FakeCuda) -> None:
    buffer = pinned()
    array = buffer.numpy()
    buffer.to("cuda", non_blocking=True)  # here
    array[:] = 2.0
    torch.cuda.synchronize()


@planted(FaultKind.PAGEABLE_IN_LOOP)
def a_pageable_upload_in_a_loop(card: FakeCuda) -> None:
    with card.loop():
        for _ in range(3):
            torch.ones(3).to("cuda")  # here


@pytest.mark.parametrize(("fault", "kind"), PLANTED, ids=[each.__name__ for each, _ in PLANTED])
def test_a_planted_fault_is_named_with_its_line(
    fake_cuda: FakeCuda, fault: Callable[[FakeCuda], None], kind: FaultKind
) -> None:
    fault(fake_cuda)
    lines, first = inspect.getsourcelines(fault)
    (marked,) = [
        first + offset for offset, line in enumerate(lines) if line.rstrip().endswith("# here")
    ]
    (found,) = fake_cuda.faults
    fake_cuda.faults.clear()
    assert (found.kind, found.line) == (kind, f"tests/support/test_fake_cuda.py:{marked}")
