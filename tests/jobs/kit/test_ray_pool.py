"""The actor pool on a Ray without processes: order, look-ahead, deaths, quarantine. A real Ray: tests/jobs/video."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.errors import ChildError, ModelError, MultiverseError, UsageError
from engine.jobs.kit.ray_pool import LOOK_AHEAD, MAX_FAILED_STARTS, NO_ACTOR_S, ActorPool, share_of, with_heartbeat
from tests.jobs.kit.fake_ray import FakeRay, death, fault

CPU = [{"CPU": 4.0}]
CARD = [{"CPU": 8.0, "GPU": 1.0}, {"CPU": 4.0}]


@dataclass
class Clock:
    now_s: float = 0.0

    def __call__(self) -> float:
        self.now_s += 10.0
        return self.now_s


@dataclass
class Numbered:
    payload: int
    name: str = field(init=False)
    size: int = 1

    def __post_init__(self) -> None:
        self.name = f"piece {self.payload}"


def started(ray: FakeRay, **options: Any) -> ActorPool[int, Any, str]:
    share = share_of([node["Resources"] for node in ray.nodes()], "cpu", 1, cluster="the Ray cluster", **options)
    pool: ActorPool[int, Any, str] = ActorPool(ray.connection(), None, share, piece_bytes=1, clock=Clock())  # type: ignore[arg-type]  # the fake loads nothing
    pool.start()
    return pool


def outputs(pool: ActorPool[int, Any, str], count: int) -> list[Any]:
    return list(pool.map((Numbered(number) for number in range(count)), lambda actor, piece, result: result))


def test_results_come_in_order_if_the_newest_is_done_first() -> None:
    pool = started(FakeRay(work=lambda number, payload: payload * payload))
    assert outputs(pool, 40) == [number * number for number in range(40)]
    assert (pool.workers, pool.words) == (2, "2 actors on 2 machines: the Ray cluster")
    assert outputs(pool, 3) == [0, 1, 4]


def test_at_most_three_pieces_per_actor_are_read_ahead() -> None:
    read: list[int] = []

    def pieces() -> Iterator[Numbered]:
        for number in range(50):
            read.append(number)
            yield Numbered(number)

    pool = started(FakeRay())
    ahead = [len(read) - result for result in pool.map(pieces(), lambda actor, piece, result: result)]
    assert max(ahead) <= 2 * LOOK_AHEAD == pool.look_ahead


def test_the_pieces_of_a_dead_actor_go_to_others_and_another_is_started() -> None:
    ray = FakeRay(work=lambda number, payload: death() if number == 0 else (number, payload))
    pool = started(ray)
    results = outputs(pool, 30)
    assert [payload for _, payload in results] == list(range(30))
    assert ray.handles[0].is_killed and len(ray.handles) == 3 and len(pool.warm) == 2
    assert pool.notes == ["an actor on host0 was lost: its process was killed or crashed"]


def test_a_piece_that_three_actors_failed_on_ends_the_run_with_its_name() -> None:
    ray = FakeRay(work=lambda number, payload: fault("ValueError: bad") if payload == 4 else payload)
    pool = started(ray)
    with pytest.raises(ChildError) as caught:
        outputs(pool, 10)
    assert len(pool.notes) == 3
    message = str(caught.value)
    assert message.startswith("piece 4: failed on 3 actors; the last: an actor on host")
    assert message.endswith(" was lost: ValueError: bad")


def test_the_next_map_starts_actors_anew_however_long_ago_the_last_one_lost_them() -> None:
    ray = FakeRay(work=lambda number, payload: fault("ValueError: bad") if payload == 0 else payload)
    pool = started(ray, max_actors=1)
    with pytest.raises(ChildError):
        outputs(pool, 1)
    pool._clock.now_s += 2 * NO_ACTOR_S  # type: ignore[attr-defined]  # an injected Clock
    assert list(pool.map(iter([Numbered(7)]), lambda actor, piece, result: result)) == [7]


def test_an_error_for_the_user_ends_the_run_at_once_with_the_machine() -> None:
    ray = FakeRay(cores=1, work=lambda number, payload: fault("too dark", is_for_the_user=True))
    with pytest.raises(ModelError, match=r"^on host0: too dark$"):
        outputs(started(ray), 2)


def test_actors_that_keep_failing_to_start_are_not_started_for_ever() -> None:
    ray = FakeRay(load=lambda number: death())
    with pytest.raises(ChildError, match=r"^no actor works, and none can be started; the last, on host\d: its process"):
        started(ray)
    assert MAX_FAILED_STARTS <= len(ray.handles) <= MAX_FAILED_STARTS + 1


def test_a_machine_with_too_little_memory_gets_no_other_actor() -> None:
    ray = FakeRay(load=lambda number: fault("does not fit", is_machine_full=True) if number == 0 else "model")
    pool = started(ray)
    assert outputs(pool, 20) == list(range(20))
    assert len(ray.handles) == 2 and pool.notes == ["an actor on host0 was lost: does not fit"]


@pytest.mark.parametrize(
    ("ray", "message"),
    [
        (FakeRay(version="0.0"), r"^host\d has multiverse-engine 0.0, this machine has .*: install the same on all$"),
        (FakeRay(load=lambda number: fault("RuntimeError: no")), r"^on host\d: RuntimeError: no$"),
        (FakeRay(cores=0), r"^no machine of the Ray cluster has what one actor needs: 1 CPU$"),
    ],
)
def test_a_pool_that_cannot_start_says_why_in_one_line(ray: FakeRay, message: str) -> None:
    with pytest.raises(MultiverseError, match=message):
        started(ray)


def test_a_closed_map_leaves_nothing_for_the_next() -> None:
    pool = started(FakeRay())
    mapping = pool.map((Numbered(number) for number in range(9)), lambda actor, piece, result: result)
    next(mapping)
    mapping.close()
    assert pool.waiting == 0 and [len(actor.calls) for actor in pool.actors] == [0, 0]
    assert outputs(pool, 5) == list(range(5))


def test_an_actor_gets_a_gpu_if_there_is_one_else_cores() -> None:
    assert share_of(CARD, "auto", None, cluster="c").needs == {"num_gpus": 1, "num_cpus": 1}
    assert (share_of(CARD, "cpu", 3, cluster="c").needs, share_of(CPU, "cpu", None, cluster="c").threads) == (
        {"num_cpus": 3},
        1,
    )
    assert share_of([*CPU, *CPU], "mps", None, cluster="c", max_actors=5).max_actors == 2
    with pytest.raises(ModelError, match=r"^--device cuda: no machine of c has a card; give --device cpu$"):
        share_of(CPU, "cuda", None, cluster="c")
    with pytest.raises(UsageError, match=r"^--device cuda:1: .* give --device cuda$"):
        share_of(CARD, "cuda:1", None, cluster="c")


def test_a_heartbeat_comes_while_the_source_is_quiet() -> None:
    goes_on = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        assert goes_on.wait(120.0)
        yield 2
        raise ValueError("torn")

    beating = with_heartbeat(items())
    assert next(beating) == 1
    assert next(beating) is None
    goes_on.set()
    assert next(item for item in beating if item is not None) == 2
    with pytest.raises(ValueError, match="torn"):
        list(beating)
