"""Messages from other programs: translated by the map and executed with `map` as the author."""

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from engine.osc.decode import Message
from engine.osc.encode import encode_message
from tests.control.dispatcher_rig import Hub
from tests.support import arena

Translate = Callable[[Message, str, float], tuple[Message, ...] | None]


class MapOf:
    """A fake ForeignMap that translates by one function. `mapped`: addresses mapped after their
    arrival."""

    def __init__(self, translate: Translate, mapped: tuple[str, ...] = ()) -> None:
        self.translate = translate
        self.is_mapped = mapped.__contains__

    def ignores(self, message: Message, now_s: float) -> bool:
        return self.translate(message, "", now_s) is None

    def map_for(self, root: str) -> str | None:
        return None


def intensity(message: Message, sender: str, now_s: float) -> tuple[Message, ...] | None:
    return (
        (Message("/layer/1/intensity", message.args, "f"),) if message.address == "/fader" else None
    )


@pytest.fixture
def open_hub(reports: Any, make_peer: Callable[..., Any]) -> Callable[..., Hub]:
    return lambda translate, *mapped: Hub(reports, make_peer(), MapOf(translate, mapped))


@pytest.fixture
def hub(open_hub: Callable[..., Hub]) -> Hub:
    """A hub with `/fader` mapped to the intensity of layer 1."""
    return open_hub(intensity)


def test_unmapped_messages_are_reported_once_a_sender_and_then_counted(
    hub: Hub, make_peer: Any
) -> None:
    answers = []
    for number in range(40):
        answers += hub.say(f"/foreign/{number % 4}", 0.5)
        hub.clock.advance(0.5)
    assert [answer.args[0] for answer in answers] == ["/foreign/0"]
    assert hub.reports.lines == [
        (
            "osc.unmapped",
            "/foreign/0: no such parameter, and nothing is mapped to it; its other unmapped "
            "messages are only "
            "counted: `multiverse osc heard` lists them (from udp 192.0.2.1:5000)",
        )
    ]
    assert (hub.counters.unmapped, hub.counters.unknown) == (40, 0)
    for name in ("udp 192.0.2.1:6000", "udp 192.0.2.7:5000"):
        assert len(hub.say("/foreign/0", 0.5, by=make_peer(name))) == 1, (
            "a new one may be a hand that typed this"
        )
    assert len(hub.reports.lines) == 2, (
        "a script may send each message from another port: one line a host and minute"
    )
    hub.clock.advance(60.0)
    hub.say("/foreign/0", 0.5, by=make_peer("udp 192.0.2.1:7000"))
    assert len(hub.reports.lines) == 3


@pytest.mark.parametrize(
    "address", ["/layer/1/intensty", "/layr/1/intensity", "/layers/1/intensity", "/panic"]
)
def test_a_typing_error_is_explained_each_second_while_another_program_sends_too_much(
    hub: Hub, make_peer: Any, address: str
) -> None:
    program, answers = make_peer("udp 192.0.2.7:5000"), []
    for number in range(300):
        hub.say(f"/foreign/{number}", 0.5, by=program)
        if number % 100 == 99:
            answers += hub.say(address, 0.5)
            hub.clock.advance(1.0)
    assert [answer.args[0] for answer in answers] == [address] * 3
    assert all("nearest: /" in answer.args[1] for answer in answers)
    assert hub.reports.keys == ["osc.unmapped", *["osc.unknown"] * 3]


def test_one_of_our_addresses_without_its_slash_is_explained(hub: Hub) -> None:
    (answer,) = hub.packet(arena.message("layer/1/angle", 45.0))
    assert "an address begins with /, as /layer/1/angle" in answer.args[1]
    assert hub.reports.keys == ["osc.unknown"]
    hub.bundle(arena.message("", 0.5), encode_message("/layer/1/angle", 30.0))
    assert hub["/layer/1/angle"] == 30.0, (
        "an empty address in a bundle costs nothing that stands beside it"
    )
    assert hub.counters.malformed == 0


@pytest.mark.parametrize(
    ("args", "sent"), [(("banana",), '"banana"'), ((300,), "300"), ((), "no argument")]
)
def test_a_timecode_that_is_none_is_explained(hub: Hub, args: tuple[Any, ...], sent: str) -> None:
    (answer,) = hub.say("/mtc", *args)
    assert answer.args[1].startswith(
        f"{sent} is not hh:mm:ss:ff, the same and 24, 25 or 30, or the data byte"
    )


def test_unmapped_messages_are_listed_newest_first_with_count_rate_and_arguments(
    open_hub: Any, make_peer: Any
) -> None:
    hub, asking = open_hub(lambda *args: None, "/pad"), make_peer("udp 192.0.2.9:1")
    hub.commands.add("/map/heard", hub.dispatcher.unmapped.on_list, is_listing=True)
    for step in range(50):
        hub.say("/meter", step / 64)
        hub.clock.advance(0.1)
    for address, *args in (
        ("/words", "x" * 1000, b"blob", None, True),
        ("/pad", 1),
        ("/xy", 1, 2.5),
    ):
        hub.say(address, *args)
        hub.clock.advance(0.001)
    *entries, done = (message.args for message in hub.say("/map/heard", by=asking))
    assert [(*entry[:3], round(entry[3]), entry[4]) for entry in entries] == [
        ("/xy", hub.peer.name, 1, 1, "1 2.5"),
        ("/words", hub.peer.name, 1, 1, '"' + "x" * 64 + '" blob of 4 bytes nil true'),
        ("/meter", hub.peer.name, 50, 10, "0.765625"),
    ]
    assert done == ("/map/heard", 3, 3)
    assert [message.args[0] for message in hub.say("/map/heard", 1, by=asking)] == [
        "/xy",
        "/map/heard",
    ]
    assert "1..4000" in hub.say("/map/heard", 0, by=asking)[0].args[1]


def test_countless_addresses_senders_and_hosts_fill_neither_the_memory_nor_the_log(
    open_hub: Any, make_peer: Any
) -> None:
    hub = open_hub(lambda *entry: None)
    for sender in range(20):
        for number in range(3000 if sender == 19 else 3):
            hub.say(f"/{number}/" + "x" * 300, 1, by=make_peer(f"udp 192.0.2.9:{sender}"))
    listed, total = hub.dispatcher.unmapped.newest(10_000)
    assert total == len(listed) == 15 * 3 + 2048
    assert {sender for _, sender, _ in listed} == {
        f"udp 192.0.2.9:{sender}" for sender in range(4, 20)
    }
    assert {len(address) for address, _, _ in listed} == {240}
    assert any(address.startswith("/2999/") for address, _, _ in listed)
    hub = open_hub(lambda *entry: None)
    hub.reports.lines.clear()
    for host in range(200):
        hub.say("/composition/x", 1, by=make_peer(f"udp 192.0.2.{host}:5000"))
    assert len(hub.reports.lines) == 16
    hub.clock.advance(60.0)
    hub.say("/composition/x", 1, by=make_peer("udp 198.51.100.1:5000"))
    assert len(hub.reports.lines) == 17
    packets = [encode_message(f"/{number}/" + "x" * 50_000, 1) for number in range(200)]
    tracemalloc.start()
    for packet in packets:
        hub.packet(packet)
    allocated_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert allocated_bytes < 2_000_000


def test_levels_of_a_lighting_desk_land_in_one_frame_and_the_others_are_listed_in_silence(
    open_hub: Any, make_peer: Any
) -> None:
    def by_channel(message: Message, sender: str, now_s: float) -> tuple[Message, ...] | None:
        layer = message.address.removeprefix("/dmx/1/")
        return (Message(f"/layer/{layer}/intensity", message.args, "f"),) if layer in "12" else None

    hub, lights, seen = open_hub(by_channel), make_peer("artnet 2.0.0.5"), []
    hub.dispatcher.set_watcher(lambda now_s, sender, message: seen.append((sender, message)))
    levels = [Message(f"/dmx/1/{channel}", (0.25,), "f") for channel in (1, 2, 3)]
    before = hub.store.version
    hub.dispatcher.receive_controls(levels, lights.sender(), time.perf_counter())
    assert hub.store.version == before + 1
    assert hub["/layer/1/intensity"] == hub["/layer/2/intensity"] == 0.25
    assert {change.by for change in hub.store.changes_since(before)[0]} == {"map artnet 2.0.0.5"}
    ((address, sender, entry),), _ = hub.dispatcher.unmapped.newest(10)
    assert (address, sender, entry.args) == ("/dmx/1/3", "artnet 2.0.0.5", (0.25,))
    assert seen == [("artnet 2.0.0.5", level) for level in levels], "the monitor shows them, too"
    assert hub.reports.lines == [] and lights.take() == []


def test_a_bundle_keeps_its_order_and_its_authors_with_mapped_messages_in_it(hub: Hub) -> None:
    seen = []
    hub.commands.add("/mark", lambda reply, *args: seen.append(hub["/layer/1/intensity"]))
    parts = [
        ("/fader", 0.25),
        ("/mark",),
        ("/layer/1/intensity", 0.75),
        ("/mark",),
        ("/fader", 0.5),
        ("/layer/2/curve", 1),
    ]
    hub.bundle(*[encode_message(*part) for part in parts])
    assert (seen, hub["/layer/1/intensity"]) == ([0.25, 0.75], 0.5)
    by = {change.address: change.by for change in hub.store.changes_since(0)[0]}
    assert by == {"/layer/1/intensity": f"map {hub.peer.name}", "/layer/2/curve": hub.peer.name}
