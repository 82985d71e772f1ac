"""What is asked for ends in order, and what is in force is always known."""

import threading

from engine.live.kit.requests import Requests


def test_what_is_done_is_in_force_and_what_is_refused_leaves_it() -> None:
    models: Requests[str] = Requests("first")
    assert (models.newest, models.in_force) == ("first", "first")
    for name in ("second", "third"):
        models.begin(name)
    assert (models.newest, models.in_force) == ("third", "first")
    assert models.end(is_done=True) == ("second", False)
    assert (models.newest, models.in_force) == ("third", "second")
    assert models.end(is_done=False) == ("third", True)
    assert (models.newest, models.in_force) == ("second", "second")


def test_it_may_be_looked_at_while_another_thread_ends_requests() -> None:
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
