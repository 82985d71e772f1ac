"""Requests end in order, and the one in force is always known."""

import threading

from engine.live.kit.child_link import Requests


def test_a_successful_request_takes_effect_and_a_refused_one_does_not() -> None:
    models: Requests[str] = Requests("first")
    assert (models.newest, models.in_force) == ("first", "first")
    for name in ("second", "third"):
        models.begin(name)
    assert (models.newest, models.in_force) == ("third", "first")
    assert models.end(is_done=True) == ("second", False)
    assert (models.newest, models.in_force) == ("third", "second")
    assert models.end(is_done=False) == ("third", True)
    assert (models.newest, models.in_force) == ("second", "second")


def test_another_thread_may_end_requests_while_they_are_read() -> None:
    numbers: Requests[int] = Requests(0)
    rounds = 20_000

    def serve() -> None:
        ended = 0
        while ended < rounds:
            if numbers.newest != numbers.in_force:
                numbers.end(is_done=True)
                ended += 1

    server = threading.Thread(target=serve)
    server.start()
    for number in range(1, rounds + 1):
        numbers.begin(number)
        assert numbers.newest == number
    server.join(60.0)
    assert numbers.in_force == rounds
