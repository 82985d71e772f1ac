"""The actor pool on a Ray without processes: order, look-ahead, deaths. A real Ray:
tests/jobs/test_on_ray.py."""

import pickle
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from engine.errors import (
    ChildError,
    DeviceFullError,
    DeviceLostError,
    ModelError,
    MultiverseError,
    UsageError,
    in_one_line,
)
from engine.jobs.kit import ray_pool
from engine.jobs.kit.ray_pool import (
    LOOK_AHEAD,
    NO_ACTOR_S,
    ActorError,
    ActorPool,
    LoadedModel,
    PoolActor,
    WorkPiece,
    resources_for,
)
from tests.jobs.kit.fake_ray import FakeRay, death, raised

Started = Callable[..., ActorPool]
CPU = [{"CPU": 4.0}]
CARD = [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0}]


def numbered(count: int, first: int = 0) -> Iterator[WorkPiece[int]]:
    for number in range(first, first + count):
        yield WorkPiece(item=number, payload=lambda number=number: number, name=f"piece {number}")  # type: ignore[misc]  # mypy #12557


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ActorPool]:
    def start(ray: FakeRay, *, is_ordered: bool = True, **options: Any) -> ActorPool:
        monkeypatch.setattr(ray_pool, "connect", lambda cluster, *, actor_bytes: ray.connection())
        monkeypatch.setattr(ray_pool, "POLL_INTERVAL_S", 0.0)
        choose = partial(resources_for, device="cpu", threads=1, **options)
        return ActorPool(
            "auto", choose, lambda resources: None, piece_bytes=1, is_ordered=is_ordered
        )  # type: ignore[arg-type,return-value]  # the fake loads nothing

    return start


def outputs(pool: ActorPool, count: int) -> list[Any]:
    return mapped(pool, numbered(count))


def mapped(pool: ActorPool, pieces: Iterator[WorkPiece[int]]) -> list[Any]:
    return [
        output
        for output in pool.map(pieces, lambda actor, piece, result: result)
        if output is not None
    ]


def test_results_come_in_order_if_the_newest_is_done_first(started: Started) -> None:
    pool = started(FakeRay(work=lambda number, payload: payload * payload))
    assert outputs(pool, 40) == [number * number for number in range(40)]
    assert pool.workers == 2 and pool.notes("done", "results") == [
        "done by 2 actors on 2 machines: the Ray cluster"
    ]
    assert outputs(pool, 3) == [0, 1, 4]


def test_at_most_three_pieces_per_actor_are_read_ahead(started: Started) -> None:
    read: list[int] = []

    def pieces() -> Iterator[WorkPiece[int]]:
        for piece in numbered(50):
            read.append(piece.item)
            yield piece

    pool = started(FakeRay())
    ahead = [
        len(read) - result
        for result in pool.map(pieces(), lambda actor, piece, result: result)
        if result is not None
    ]
    assert max(ahead) <= 2 * LOOK_AHEAD == pool.look_ahead


def test_the_pieces_of_a_dead_actor_go_to_others_and_another_is_started(started: Started) -> None:
    ray = FakeRay(work=lambda number, payload: death() if number == 0 else (number, payload))
    pool = started(ray)
    assert [payload for _, payload in outputs(pool, 30)] == list(range(30))
    assert ray.handles[0].is_killed and len(ray.handles) == 3 and len(pool.warm) == 2
    assert pool.lost == ["an actor on host0 was lost: its process was killed or crashed"]


def test_a_piece_that_three_actors_failed_on_ends_the_run_and_the_next_map_starts_new_actors(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = raised(ValueError("two lines\nof trouble"))
    pool = started(
        FakeRay(work=lambda number, payload: bad if payload == 4 else payload), max_actors=1
    )
    with pytest.raises(ChildError) as caught:
        outputs(pool, 10)
    last = "an actor on host2 was lost: ValueError: two lines of trouble"
    assert str(caught.value) == f"piece 4: failed on 3 actors; the last: {last}"
    assert len(pool.lost) == 3 and pool.actors == []
    pool._had_actor_s -= 2 * NO_ACTOR_S
    assert mapped(pool, numbered(1, 7)) == [7]


@pytest.mark.parametrize(
    ("deadly", "answers"), [(5, slice(None)), (4, slice(-1, None))], ids=["all", "the newest"]
)
def test_the_piece_that_killed_its_actor_is_blamed_whichever_answers_ray_gives(
    deadly: int, answers: slice, started: Started
) -> None:
    """An actor works in order: all that was sent to it from the deadly piece on has the same
    error."""

    class InOrder(FakeRay):
        def wait(self, refs: Any, *, num_returns: int, timeout: float) -> Any:
            if timeout:
                self.done.update(
                    refs[answers] if deadly in [ref.argument for ref in refs] else refs
                )
            return super().wait(refs, num_returns=num_returns, timeout=timeout)

    ray = InOrder(work=lambda number, payload: death() if payload >= deadly else payload)
    with pytest.raises(ChildError, match=f"^piece {deadly}: failed on 3 actors"):
        outputs(started(ray, max_actors=1), 10)


def test_an_actor_that_never_starts_ends_the_run_after_the_deadline(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Occupied(FakeRay):
        def wait(self, refs: Any, *, num_returns: int, timeout: float) -> Any:
            return [], refs

    monkeypatch.setattr(ray_pool, "NO_ACTOR_S", 0.0)
    with pytest.raises(
        ChildError,
        match=r"^no actor has started for 0 s on the Ray cluster: nothing is free; see: ",
    ):
        started(Occupied())


def test_an_error_for_the_user_ends_the_run_at_once_with_the_machine(started: Started) -> None:
    ray = FakeRay(cores=1, work=lambda number, payload: raised(UsageError("too dark")))
    with pytest.raises(ModelError, match=r"^on host0: too dark$"):
        outputs(started(ray), 2)


def test_an_error_that_only_the_actor_knows_reaches_the_user_in_one_line(started: Started) -> None:
    class OfALibrary(Exception):
        def __init__(self, *, answer: str) -> None:
            super().__init__(answer)

    def recipe() -> Any:
        raise OfALibrary(answer="401\nUnauthorized")

    with pytest.raises(ActorError) as caught:
        PoolActor().load(recipe)
    error = pickle.loads(pickle.dumps(caught.value))
    with pytest.raises(ModelError, match=r"^on host[01]: OfALibrary: 401 Unauthorized$"):
        started(FakeRay(load=lambda number: raised(error)))


def test_actors_that_keep_failing_to_start_are_not_started_for_ever(started: Started) -> None:
    ray = FakeRay(cores=5, load=lambda number: death())
    with pytest.raises(
        ChildError,
        match=r"^no actor works, and none can be started; the last, on host\d: its process",
    ):
        started(ray)
    assert len(ray.handles) == 5


@pytest.mark.parametrize("error", [DeviceFullError("does not fit"), MemoryError("does not fit")])
def test_a_machine_with_too_little_memory_gets_no_other_actor(
    error: Exception, started: Started
) -> None:
    model = LoadedModel(device="cpu", dtype="float32", notes=())
    ray = FakeRay(load=lambda number: raised(error) if number == 0 else model)
    pool = started(ray)
    assert outputs(pool, 20) == list(range(20))
    assert len(ray.handles) == 2 and pool.lost == [
        f"an actor on host0 was lost: {in_one_line(error)}"
    ]


@pytest.mark.parametrize(
    ("ray", "message"),
    [
        (
            FakeRay(version="0.0"),
            r"^host\d has multiverse-engine 0.0, this machine has .*: install the same on all$",
        ),
        (FakeRay(load=lambda number: raised(RuntimeError("no"))), r"^on host\d: RuntimeError: no$"),
        (
            FakeRay(load=lambda number: raised(DeviceFullError("too small"))),
            r"^on host\d: too small$",
        ),
        (FakeRay(cores=0), r"^no machine of the Ray cluster has what one actor needs: 1 CPU$"),
    ],
)
def test_a_pool_that_cannot_start_says_why_in_one_line(
    ray: FakeRay, message: str, started: Started
) -> None:
    with pytest.raises(MultiverseError, match=message):
        started(ray)


def test_an_actor_gets_a_gpu_if_there_is_one_else_cores() -> None:
    assert resources_for(CARD, "c").needs == {"num_gpus": 1, "num_cpus": 1}
    assert resources_for(CARD, "c", device="cpu", threads=3).needs == {"num_cpus": 3}
    assert resources_for(CPU, "c", device="cpu").threads == 1
    assert resources_for([*CPU, *CPU], "c", device="mps", max_actors=5).max_actors == 2
    with pytest.raises(
        ModelError, match=r"^--device cuda: no machine of c has a card; give --device cpu$"
    ):
        resources_for(CPU, "c", device="cuda")
    with pytest.raises(UsageError, match=r"^--device cuda:1: .* give --device cuda$"):
        resources_for(CARD, "c", device="cuda:1")


def test_results_come_out_while_the_source_is_quiet_and_its_error_after_them(
    started: Started,
) -> None:
    goes_on, is_first_sent = threading.Event(), []

    def quiet() -> Iterator[WorkPiece[int]]:
        yield from numbered(2)
        is_first_sent.append(goes_on.wait(120.0))
        raise ValueError("torn")

    class Prompt(FakeRay):
        def wait(self, refs: Any, *, num_returns: int, timeout: float) -> Any:
            return super().wait(refs, num_returns=num_returns, timeout=1.0)

    outputs = started(Prompt()).map(quiet(), lambda actor, piece, result: result)
    assert [next(output for output in outputs if output is not None) for _ in range(2)] == [0, 1]
    goes_on.set()
    with pytest.raises(ValueError, match="torn"):
        list(outputs)
    assert is_first_sent == [True]


def test_a_piece_is_not_sent_to_the_machine_it_failed_on_if_there_is_another(
    started: Started,
) -> None:
    def pieces() -> Iterator[WorkPiece[int]]:
        for piece in numbered(20):
            piece.avoided = "host0" if piece.item % 2 else ""
            yield piece

    results = mapped(started(FakeRay(work=lambda number, payload: (number, payload))), pieces())
    assert {number for number, payload in results if payload % 2} == {1}


def test_a_closed_map_leaves_nothing_for_the_next(started: Started) -> None:
    pool = started(FakeRay())
    mapping = pool.map(numbered(9), lambda actor, piece, result: result)
    next(output for output in mapping if output is not None)
    mapping.close()
    assert pool.waiting == 0 and [actor.pieces for actor in pool.actors] == [[], []]
    assert outputs(pool, 5) == list(range(5))


def test_a_lost_device_costs_only_its_actor(started: Started) -> None:
    ray = FakeRay(
        work=lambda number, payload: raised(DeviceLostError("driver")) if number == 0 else payload
    )
    pool = started(ray)
    assert outputs(pool, 9) == list(range(9)) and pool.lost == [
        "an actor on host0 was lost: driver"
    ]
