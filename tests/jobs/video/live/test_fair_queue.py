"""The fair queue: shares of time, order, pauses."""

from collections import Counter
from typing import Any

from engine.jobs.video.live.controls import LiveSettings, started
from engine.jobs.video.live.fair_queue import Client, FairQueue, PaintTask
from engine.jobs.video.live.protocol import Frame
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec

SETTINGS = started(Painting(spec=ModelSpec(model="any")), 512)


class Row:
    """A FairQueue with an injected clock."""

    def __init__(self, **options: Any) -> None:
        self.now_s = 100.0
        self.queue = FairQueue(**{"most_clients": 4, "idle_s": 30.0, **options})

    def join(self) -> Client:
        client = new_client()
        assert self.queue.join(client, self.now_s) is client
        return client

    def offer(self, client: Client, index: int) -> None:
        self.queue.offer(
            client, Frame(index=index, captured_ms=0.0, width=8, height=8, jpeg=b""), self.now_s
        )

    def take(self) -> PaintTask:
        task = self.queue.take(lambda: self.now_s)
        assert task is not None
        return task


def new_client() -> Client:
    def nothing(*args: object) -> None:
        pass

    return Client(settings=SETTINGS, deliver=nothing, lose=nothing, note=nothing)


def other(settings: LiveSettings = SETTINGS) -> LiveSettings:
    return LiveSettings(painting=settings.painting, side_px=settings.side_px + 8)


def test_the_newest_picture_of_a_client_takes_the_place_of_the_one_that_waits() -> None:
    row = Row()
    client = row.join()
    for index in range(5):
        row.offer(client, index)
    assert row.take().frame.index == 4
    state = row.queue.state(client, unsent=0)
    assert (state.received, state.dropped) == (5, 4)


def served_for(row: Row, clients: dict[str, tuple[Client, float]], *, seconds: float) -> list[str]:
    """The order of service when all clients always have a picture waiting; `clients`: (client,
    painting time in s)."""
    order, until_s = [], row.now_s + seconds
    while row.now_s < until_s:
        for client, _ in clients.values():
            row.offer(client, len(order))
        task = row.take()
        order.append(next(name for name, (client, _) in clients.items() if client is task.client))
        row.now_s += clients[order[-1]][1]
    return order


def test_an_expensive_client_gets_its_share_of_time_not_of_pictures() -> None:
    row = Row()
    clients = {"heavy": (row.join(), 1.0), "light": (row.join(), 0.05), "other": (row.join(), 0.05)}
    counts = Counter(served_for(row, clients, seconds=90.0))
    used_s = {name: counts[name] * clients[name][1] for name in clients}
    assert max(used_s.values()) <= 1.25 * min(used_s.values())


def test_an_idle_client_earns_no_credit() -> None:
    row = Row()
    busy, away = row.join(), row.join()
    served_for(row, {"busy": (busy, 0.1)}, seconds=30.0)
    both = {"busy": (busy, 0.1), "away": (away, 0.1), "new": (row.join(), 0.1)}
    counts = Counter(served_for(row, both, seconds=3.0))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_client_whose_picture_failed_rests_while_others_are_served_until_it_changes_something() -> (
    None
):
    row = Row()
    failing, fine = row.join(), row.join()
    row.offer(failing, 0)
    row.queue.fail(row.take(), until_s=row.now_s + 1.0)
    row.offer(failing, 1)
    row.offer(fine, 1)
    assert row.take().client is fine
    row.offer(fine, 2)
    assert row.take().client is fine
    row.now_s += 1.0
    assert row.take().client is failing
    row.offer(failing, 2)
    row.queue.fail(row.take(), until_s=row.now_s + 1000.0)
    row.offer(failing, 3)
    row.queue.change(failing, other())
    assert row.take().frame.index == 3


def test_a_client_that_sends_nothing_gives_its_place_to_a_newcomer_only_when_all_are_taken() -> (
    None
):
    row = Row(most_clients=2)
    silent, sending = row.join(), row.join()
    row.now_s += 31.0
    row.offer(sending, 0)
    row.queue.leave(sending)
    sending = row.join()  # a place was free
    assert row.queue.join(new_client(), row.now_s) is silent
    assert row.queue.join(new_client(), row.now_s) is None


def test_used_time_decays_so_that_old_expensive_requests_do_not_count() -> None:
    row = Row()
    former, other = row.join(), row.join()
    served_for(row, {"former": (former, 30.0)}, seconds=30.0)
    now = served_for(row, {"former": (former, 0.1), "other": (other, 0.1)}, seconds=30.0)
    assert now.count("former") > 50  # at the price of the first it would have had none
    assert abs(now[-50:].count("former") - 25) <= 1


def test_a_client_that_was_idle_has_earned_no_credit() -> None:
    row = Row()
    idle, busy = row.join(), row.join()
    served_for(row, {"busy": (busy, 1.0)}, seconds=60.0)
    now = served_for(row, {"idle": (idle, 1.0), "busy": (busy, 1.0)}, seconds=10.0)
    assert abs(now.count("idle") - now.count("busy")) <= 2
