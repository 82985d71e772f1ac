"""The sham card: it computes what a CPU does, counts, and names each kind of fault with its line."""

import inspect
from collections.abc import Callable

import pytest
import torch

from tests.support.sham_card.card import ShamCard
from tests.support.sham_card.ledger import FaultKind
from tests.support.sham_card.walking import exact_kernels


@pytest.fixture
def card(sham_card: ShamCard) -> ShamCard:
    return sham_card


def numbers(*size: int) -> torch.Tensor:
    return torch.ones(size, device="cuda")


def pinned(count: int = 4) -> torch.Tensor:
    return torch.ones(count, pin_memory=True)


def captured(call: Callable[[], object]) -> torch.cuda.CUDAGraph:
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
        call()
    return graph


def test_it_computes_what_a_cpu_does(card: ShamCard) -> None:
    layer = torch.nn.Linear(3, 4).to("cuda", torch.float16)
    assert layer.weight.device == torch.device("cuda:0")
    given = torch.tensor([[1.0, 2.0, 3.0]], device="cuda")
    expected = layer.to("cpu", torch.float32)(given.cpu())
    assert torch.equal(layer.to("cuda")(given).cpu(), expected)
    assert given.to("cuda") is given and given.to("cuda", torch.float64).device == given.device
    given[:, 1:] += 1.0
    assert given.tolist() == [[1.0, 3.0, 4.0]]
    assert given[given > 2.0].cpu().tolist() == [3.0, 4.0]
    same = [torch.randn(3, generator=torch.Generator(each).manual_seed(7), device=each) for each in ("cuda", "cpu")]
    assert torch.equal(same[0].cpu(), same[1])
    query = torch.rand(1, 2, 4, 8)
    attended = torch.nn.functional.scaled_dot_product_attention
    on_card = query.to("cuda")
    torch.testing.assert_close(attended(on_card, on_card, on_card).cpu(), attended(query, query, query))
    spectrum = torch.fft.rfft(query)
    assert torch.equal((torch.fft.rfft(on_card).conj() * spectrum.to("cuda")).cpu(), spectrum.conj() * spectrum)
    with torch.inference_mode():
        assert torch.equal((on_card[:, 1:].to(torch.float64) * 2).sum(-1).cpu(), (query[:, 1:].double() * 2).sum(-1))
    joined = torch.zeros(2, 3, device="cuda")
    part = torch.nn.Parameter(numbers(3), requires_grad=False)
    part.data = joined[1]
    part.add_(2.0)
    assert joined.tolist() == [[0.0] * 3, [2.0] * 3] and part.data.tolist() == [2.0] * 3
    with pytest.raises(TypeError, match="can't convert cuda:0 device type tensor to numpy"):
        given.numpy()


def test_it_counts_waits_copies_random_numbers_and_kernels(card: ShamCard) -> None:
    there, host = numbers(4), pinned()
    with card.tally() as tally:
        there.sum().item()
        there[there > 0.0]
        there[there > 0.0] = 2.0
        there.cpu()
        torch.zeros(4).to("cuda")
        torch.cuda.Event().synchronize()  # returns at once
        there.add_(1.0)
        torch.cuda.current_stream().synchronize()
        torch.randn(2, device="cuda")
    assert [each.what for each in tally.waits] == [
        "item",
        "index by a mask",
        "download",
        "upload",
        "stream.synchronize",
    ]
    assert [each.what for each in tally.uploads] == ["pageable"] and len(tally.random) == 1
    with card.tally() as tally:
        host.to("cuda", non_blocking=True)
        there.add_(1.0).view(2, 2)
    assert [each.what for each in tally.uploads] == ["pinned"]
    assert (tally.waits, tally.random, tally.kernels) == ([], [], 1)


def test_a_graph_is_replayed_with_the_numbers_of_its_capture_and_nothing_runs_meanwhile(card: ShamCard) -> None:
    buffer, scale, made = numbers(2), 3.0, []

    def part() -> None:
        buffer.add_(1.0)
        made.append(buffer * scale)

    graph = captured(part)
    assert buffer.tolist() == [1.0, 1.0], "a capture executes nothing"
    scale = 100.0
    for expected in (6.0, 9.0):
        graph.replay()
        assert made[0].tolist() == [expected] * 2
    assert (card.ledger.total.captures, card.ledger.total.replays) == (1, 2)


def test_a_download_arrives_when_the_host_has_waited(card: ShamCard) -> None:
    host, there = torch.zeros(4, pin_memory=True), numbers(4)
    array = host.numpy()
    host.copy_(there, non_blocking=True)
    assert array.tolist() == [0.0] * 4
    torch.cuda.current_stream().synchronize()
    assert array.tolist() == [1.0] * 4


def test_on_a_real_card_a_walk_rounds_to_float32_and_measures_no_convolutions() -> None:
    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul

    def switches() -> tuple[bool, ...]:
        return torch._C._get_cudnn_benchmark(), cudnn.deterministic, cudnn.allow_tf32, cublas.allow_tf32

    before = switches()
    with pytest.raises(OSError, match="ended"), exact_kernels():
        cudnn.benchmark = True  # as a capture does
        assert switches() == (False, True, False, False)
        raise OSError("ended")
    assert switches() == before
    cudnn.benchmark = not before[0]
    assert switches() == (not before[0], *before[1:]), "it is a switch again"
    cudnn.benchmark = before[0]


# -- one planted fault of each kind, with the line that is to be named (marked)

PLANTED: list[tuple[Callable[[ShamCard], None], FaultKind]] = []


def planted(kind: FaultKind) -> Callable[[Callable[[ShamCard], None]], Callable[[ShamCard], None]]:
    def add(fault: Callable[[ShamCard], None]) -> Callable[[ShamCard], None]:
        PLANTED.append((fault, kind))
        return fault

    return add


@planted(FaultKind.WAIT_IN_CAPTURE)
def wait_in_a_capture(card: ShamCard) -> None:
    there = numbers(4)
    captured(lambda: there.sum().item())  # here


@planted(FaultKind.WAIT_IN_CAPTURE)
def an_explicit_wait_for_an_event_in_a_capture(card: ShamCard) -> None:
    """As `device_wait` does."""

    def wait() -> None:
        done = torch.cuda.Event(blocking=True)
        done.record()
        done.synchronize()  # here

    captured(wait)


@planted(FaultKind.COPY_IN_CAPTURE)
def copy_in_a_capture(card: ShamCard) -> None:
    host = pinned()
    captured(lambda: host.to("cuda", non_blocking=True))  # here


@planted(FaultKind.RANDOM_IN_CAPTURE)
def random_number_in_a_capture(card: ShamCard) -> None:
    captured(lambda: torch.randn(3, device="cuda"))  # here


@planted(FaultKind.MIXED_DEVICES)
def mixed_devices(card: ShamCard) -> None:
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        numbers(3) + torch.ones(3)  # here


@planted(FaultKind.RACE)
def a_missing_wait_stream(card: ShamCard) -> None:
    there, side = numbers(4), torch.cuda.Stream()
    with torch.cuda.stream(side):
        there.add_(1.0)  # here


@planted(FaultKind.RACE)
def a_write_over_what_another_stream_reads(card: ShamCard) -> None:
    there, side = numbers(4), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        held = there * 2.0
    there.zero_()  # here
    side.synchronize()
    del held


@planted(FaultKind.RACE)
def two_graphs_of_one_capture_stream_at_once(card: ShamCard) -> None:
    """They share a workspace of cuBLAS."""
    first, second, side = numbers(4), numbers(4), torch.cuda.Stream()
    capturing, graphs = torch.cuda.Stream(), []
    for there in (first, second):
        graphs.append(torch.cuda.CUDAGraph())
        with torch.cuda.graph(graphs[-1], stream=capturing):
            there.add_(1.0)
    graphs[0].replay()
    with torch.cuda.stream(side):
        graphs[1].replay()  # here


@planted(FaultKind.FREED_TOO_EARLY)
def memory_given_away_while_another_stream_reads(card: ShamCard) -> None:
    there, side = numbers(4), torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        held = there * 2.0
    del there
    torch.ones(4, device="cuda")  # here
    del held


@planted(FaultKind.POOL_OVERWRITTEN)
def a_result_of_a_pool_after_another_graph_ran(card: ShamCard) -> None:
    """The second result lies where the first graph had its intermediate one."""
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
def a_weight_that_is_freed_before_the_replay(card: ShamCard) -> None:
    weights = [numbers(4)]
    graph = captured(lambda: weights[0] + 1.0)
    weights.clear()
    graph.replay()  # here


@planted(FaultKind.FREED_BEFORE_REPLAY)
def a_graph_whose_stream_has_lost_another_graph(card: ShamCard) -> None:
    there, stream = numbers(4), torch.cuda.Stream()
    graphs = [torch.cuda.CUDAGraph() for _ in range(2)]
    for graph in graphs:
        with torch.cuda.graph(graph, stream=stream):
            there.add_(1.0)
    graphs[0].reset()
    graphs[1].replay()  # here


@planted(FaultKind.PINNED_REUSED)
def a_pinned_buffer_rewritten_before_the_event(card: ShamCard) -> None:
    buffer, event = pinned(), torch.cuda.Event()
    buffer.to("cuda", non_blocking=True)
    event.record()
    buffer.fill_(1.0)  # here
    event.synchronize()


@planted(FaultKind.PINNED_REUSED)
def a_pinned_buffer_rewritten_through_an_older_array(card: ShamCard) -> None:
    buffer = pinned()
    array = buffer.numpy()
    buffer.to("cuda", non_blocking=True)  # here
    array[:] = 2.0
    torch.cuda.synchronize()


@planted(FaultKind.PINNED_REUSED)
def a_download_read_before_the_event(card: ShamCard) -> None:
    host, there = pinned(), numbers(4)
    host.copy_(there, non_blocking=True)
    host + 1.0  # here


@planted(FaultKind.PAGEABLE_IN_LOOP)
def a_pageable_upload_in_a_loop(card: ShamCard) -> None:
    with card.loop():
        for _ in range(3):
            torch.ones(3).to("cuda")  # here


@planted(FaultKind.PAGEABLE_IN_LOOP)
def a_pageable_download_in_a_loop(card: ShamCard) -> None:
    there = numbers(3)
    with card.loop():
        there.cpu()  # here


@planted(FaultKind.PAGEABLE_IN_LOOP)
def numbers_read_as_a_list_in_a_loop(card: ShamCard) -> None:
    there = numbers(3)
    with card.loop():
        there.tolist()  # here


@planted(FaultKind.CAPTURE_IN_LOOP)
def a_capture_in_a_loop(card: ShamCard) -> None:
    there, graph = numbers(4), torch.cuda.CUDAGraph()
    with card.loop(), torch.cuda.graph(graph):  # here
        there.add_(1.0)


@pytest.mark.parametrize(("fault", "kind"), PLANTED, ids=[each.__name__ for each, _ in PLANTED])
def test_a_planted_fault_is_named_with_its_line(
    card: ShamCard, fault: Callable[[ShamCard], None], kind: FaultKind
) -> None:
    fault(card)
    lines, first = inspect.getsourcelines(fault)
    (marked,) = [first + place for place, line in enumerate(lines) if line.rstrip().endswith("# here")]
    (found,) = card.faults
    card.faults.clear()
    assert (found.kind, found.line) == (kind, f"tests/support/test_sham_card.py:{marked}")


@pytest.mark.parametrize(
    "wait",
    [lambda: torch.cuda.synchronize(), lambda: torch.cuda.current_stream().synchronize()],
    ids=["card", "stream"],
)
def test_an_explicit_wait_in_a_capture_is_a_fault(card: ShamCard, wait: Callable[[], None]) -> None:
    """A replay would not wait."""
    captured(wait)
    assert [fault.kind for fault in card.faults] == [FaultKind.WAIT_IN_CAPTURE]
    card.faults.clear()
