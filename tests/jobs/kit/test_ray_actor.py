"""The remote half of an actor pool, called as Ray calls it but in this process."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from engine.errors import DeviceFullError, DeviceLostError, ModelError
from engine.jobs.kit.ray_actor import ActorFault, PoolActor


class Doubler:
    """A negative payload raises, 0 has no result."""

    def describe(self) -> str:
        return "warm"

    def process(self, payloads: Iterator[int]) -> Iterator[int]:
        for payload in payloads:
            if payload < 0:
                raise ValueError("two lines\nof trouble")
            if payload:
                yield 2 * payload


class Recipe:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def open(self) -> Doubler:
        if self.error is not None:
            raise self.error
        return Doubler()


@pytest.fixture
def actor() -> PoolActor[int, int, str]:
    actor: PoolActor[int, int, str] = PoolActor()
    assert actor.load(Recipe()) == "warm"
    return actor


def test_two_calls_at_once_get_their_own_results(actor: PoolActor[int, int, str]) -> None:
    both = Barrier(2)

    def call(number: int) -> int | ActorFault:
        both.wait(120.0)
        return actor.run(number)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(call, range(1, 41))) == [2 * number for number in range(1, 41)]
    assert actor.place().pid == os.getpid()


def test_an_error_is_an_answer_with_its_traceback_and_the_next_call_works(actor: PoolActor[int, int, str]) -> None:
    answer = actor.run(-1)
    assert isinstance(answer, ActorFault)
    assert (answer.text, answer.is_for_the_user, answer.is_machine_full) == (
        "ValueError: two lines of trouble",
        False,
        False,
    )
    assert "in process" in answer.trace
    assert actor.run(2) == 4


def test_a_piece_without_a_result_is_a_fault_and_does_not_hang(actor: PoolActor[int, int, str]) -> None:
    answer = actor.run(0)
    assert isinstance(answer, ActorFault) and "no result" in answer.text


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ModelError("no such model"), (True, False)),
        (DeviceFullError("does not fit"), (False, True)),
        (DeviceLostError("driver"), (False, False)),
        (RuntimeError("driver"), (False, False)),
    ],
)
def test_a_failed_load_says_whether_the_user_or_another_machine_can_help(
    error: Exception, kind: tuple[bool, bool]
) -> None:
    answer = PoolActor[int, int, str]().load(Recipe(error))
    assert isinstance(answer, ActorFault) and (answer.is_for_the_user, answer.is_machine_full) == kind
