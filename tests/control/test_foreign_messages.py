"""Messages from other programs: translated by the map and executed with `map` as the author."""

import tracemalloc
from collections.abc import Callable

import pytest

from engine.control import CommandTable, Dispatcher
from engine.osc import Message, encode_bundle, encode_message
from engine.osc.time_tag import time_tag_of
from engine.params import ParamStore
from engine.system.clock import SteppedClock
from tests.support import arena


class MapOf:
    """A map that is one function. `mapped`: addresses that were mapped after they were heard."""

    def __init__(self, translate: Callable | None, mapped: tuple[str, ...] = ()) -> None:
        self.translate = translate or (lambda *heard: None)
        self.is_mapped = mapped.__contains__

    def map_for(self, root: str) -> str | None:
        return None


def make(
    translate: Callable | None, reports: object, mapped: tuple[str, ...] = ()
) -> tuple[Dispatcher, ParamStore, list[str]]:
    store, commands, ran = ParamStore(), CommandTable(), []
    commands.add("/preset/load", lambda args, reply: (ran.append(args[0]), reply.done(*args)))
    return Dispatcher(store, commands, SteppedClock(), reports, MapOf(translate, mapped)), store, ran


def intensity(message: Message, sender: str, now_s: float) -> tuple[Message, ...] | None:
    if message.address != "/fader":
        return None
    return (Message("/layer/1/intensity", message.args, "f"),)


def test_a_mapped_message_sets_its_parameter_with_the_map_as_author(reports, make_peer) -> None:
    dispatcher, store, _ = make(intensity, reports)
    dispatcher.receive(encode_message("/fader", 0.5), make_peer().sender())
    assert store.get("/layer/1/intensity") == 0.5
    assert store.changes_since(0)[0][-1].by == "map"
    assert reports.lines == []


def test_unmapped_messages_are_reported_once_a_sender_and_then_counted(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer, other, elsewhere = make_peer(), make_peer("udp 192.0.2.1:6000"), make_peer("udp 192.0.2.7:5000")
    for number in range(40):
        dispatcher.receive(encode_message(f"/foreign/{number % 4}", 0.5), peer.sender())
        dispatcher.clock.advance(0.5)
    assert [answer.args[0] for answer in peer.take()] == ["/foreign/0"]
    assert reports.lines == [
        (
            "osc.unmapped",
            "/foreign/0: no such parameter, and nothing is mapped to it; its other unmapped messages are only "
            "counted: `multiverse osc heard` lists them (from udp 192.0.2.1:5000)",
        )
    ]
    assert (dispatcher.counters.unmapped, dispatcher.counters.unknown) == (40, 0)
    for another in (other, elsewhere):
        dispatcher.receive(encode_message("/foreign/0", 0.5), another.sender())
        assert len(another.take()) == 1, "whoever is new may be a hand that typed this"
    assert len(reports.lines) == 2, "a script may send each message from another port: one line a host and minute"
    dispatcher.clock.advance(60.0)
    dispatcher.receive(encode_message("/foreign/0", 0.5), make_peer("udp 192.0.2.1:7000").sender())
    assert len(reports.lines) == 3


@pytest.mark.parametrize("address", ["/layer/1/intensty", "/layr/1/intensity", "/layers/1/intensity", "/panic"])
def test_a_typing_error_is_explained_each_second_while_another_program_floods(reports, make_peer, address: str) -> None:
    dispatcher, _, _ = make(intensity, reports)
    patch, program = make_peer(), make_peer("udp 192.0.2.7:5000")
    for number in range(300):
        dispatcher.receive(encode_message(f"/foreign/{number}", 0.5), program.sender())
        if number % 100 == 99:
            dispatcher.receive(encode_message(address, 0.5), patch.sender())
            dispatcher.clock.advance(1.0)
    answers = patch.take()
    assert [answer.args[0] for answer in answers] == [address] * 3
    assert all("nearest: /" in answer.args[1] for answer in answers)
    assert reports.keys == ["osc.unmapped", *["osc.unknown"] * 3]


def test_a_program_with_addresses_like_ours_is_not_warned_about_for_ever(reports, make_peer) -> None:
    """Resolume 5 and before: `/layer1/clip3/connect`."""
    dispatcher, _, _ = make(intensity, reports)
    peer = make_peer()
    for number in range(200):
        dispatcher.receive(encode_message(f"/layer1/clip{number}/connect", 1), peer.sender())
        dispatcher.clock.advance(0.01)
    assert reports.keys == ["osc.unknown"] * 16 + ["osc.unmapped"]
    assert len(peer.take()) <= 2


def test_a_subscriber_reads_what_is_wrong_with_each_message(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer = make_peer()
    dispatcher.receive(encode_message("/engine/notify", 1), peer.sender())
    peer.take()
    for number in range(3):
        dispatcher.receive(encode_message(f"/foreign/{number}", 0.5), peer.sender())
        dispatcher.clock.advance(1.0)
    assert [answer.args[0] for answer in peer.take()] == ["/foreign/0", "/foreign/1", "/foreign/2"]


def test_one_of_our_addresses_without_its_slash_is_explained(reports, make_peer) -> None:
    dispatcher, store, _ = make(intensity, reports)
    peer = make_peer()
    beside = arena.message("layer/1/angle", 45.0)
    dispatcher.receive(beside, peer.sender())
    assert "an address begins with /, as /layer/1/angle" in peer.take()[0].args[1]
    assert reports.keys == ["osc.unknown"]
    dispatcher.receive(
        encode_bundle(1, [arena.message("", 0.5), encode_message("/layer/1/angle", 30.0)]), peer.sender()
    )
    assert store.get("/layer/1/angle") == 30.0, "an empty address in a bundle costs nothing that stands beside it"
    assert dispatcher.counters.malformed == 0


def test_unmapped_messages_are_listed_newest_first_with_count_rate_and_arguments(reports, make_peer) -> None:
    dispatcher, _, _ = make(None, reports, mapped=("/pad",))
    dispatcher._commands.add("/map/heard", dispatcher.heard.on_heard, is_listing=True)
    peer, asking = make_peer(), make_peer("udp 192.0.2.9:1")
    for step in range(50):
        dispatcher.receive(encode_message("/meter", step / 64), peer.sender())
        dispatcher.clock.advance(0.1)
    for address, *args in (("/text", "x" * 1000, b"blob", None, True), ("/pad", 1), ("/xy", 1, 2.5)):
        dispatcher.receive(encode_message(address, *args), peer.sender())
        dispatcher.clock.advance(0.001)
    dispatcher.receive(encode_message("/map/heard"), asking.sender())
    *entries, done = (message.args for message in asking.take())
    assert [entry[:3] for entry in entries] == [
        ("/xy", peer.name, 1),
        ("/text", peer.name, 1),
        ("/meter", peer.name, 50),
    ]
    assert entries[0][4] == "1 2.5"
    assert entries[1][4] == '"' + "x" * 64 + '" blob of 4 bytes nil true'
    assert entries[2][4] == "0.765625"
    assert [round(entry[3]) for entry in entries] == [1, 1, 10]
    assert done == ("/map/heard", 3, 3)
    dispatcher.receive(encode_message("/map/heard", 1), asking.sender())
    assert [message.args[0] for message in asking.take()] == ["/xy", "/map/heard"]
    dispatcher.receive(encode_message("/map/heard", 0), asking.sender())
    assert "1..4000" in asking.take()[0].args[1]


def test_a_flood_of_addresses_and_senders_does_not_fill_the_memory(reports, make_peer) -> None:
    dispatcher, _, _ = make(None, reports)
    heard = dispatcher.heard
    for sender in range(20):
        for number in range(3000 if sender == 19 else 3):
            dispatcher.receive(
                encode_message(f"/{number}/" + "x" * 300, 1), make_peer(f"udp 192.0.2.9:{sender}").sender()
            )
    listed, total = heard.listed(10_000)
    assert total == len(listed) == 15 * 3 + 2048
    assert {sender for _, sender, _ in listed} == {f"udp 192.0.2.9:{sender}" for sender in range(4, 20)}
    assert {len(address) for address, _, _ in listed} == {240}
    assert any(address.startswith("/2999/") for address, _, _ in listed)


def test_forged_hosts_and_long_addresses_fill_neither_the_log_nor_the_memory(reports, make_peer) -> None:
    dispatcher, _, _ = make(None, reports)
    for host in range(200):
        dispatcher.receive(encode_message("/composition/x", 1), make_peer(f"udp 192.0.2.{host}:5000").sender())
    assert len(reports.lines) == 16
    dispatcher.clock.advance(60.0)
    dispatcher.receive(encode_message("/composition/x", 1), make_peer("udp 198.51.100.1:5000").sender())
    assert len(reports.lines) == 17
    dispatcher, _, _ = make(None, reports)
    packets = [encode_message(f"/{number}/" + "x" * 50_000, 1) for number in range(200)]
    tracemalloc.start()
    for packet in packets:
        dispatcher.receive(packet, make_peer().sender())
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 2_000_000


def test_our_own_addresses_are_never_translated(reports, make_peer) -> None:
    asked = []
    dispatcher, store, ran = make(lambda message, *_: asked.append(message.address), reports)
    peer = make_peer()
    for packet in (
        encode_message("/layer/1/intensity", 0.5),
        encode_message("/layer/*/curve", 0.5),
        encode_message("/preset/load", "night"),
        encode_message("/get", "/mode"),
        encode_message("/engine/notify", 1),
        encode_message("/layer/[", 0.5),
        encode_bundle(1, [encode_message("/layer/2/intensity", 0.25), encode_message("/preset/load", "day")]),
    ):
        dispatcher.receive(packet, peer.sender())
    assert asked == []
    assert (ran, store.get("/layer/2/intensity")) == (["night", "day"], 0.25)
    dispatcher.receive(encode_message("/mood", 1), peer.sender())
    assert asked == ["/mood"]


def test_a_bundle_keeps_its_order_with_mapped_messages_in_it(reports, make_peer) -> None:
    seen = []
    dispatcher, store, _ = make(intensity, reports)
    dispatcher._commands.add("/mark", lambda args, reply: seen.append(store.get("/layer/1/intensity")))
    parts = [("/fader", 0.25), ("/mark",), ("/layer/1/intensity", 0.75), ("/mark",), ("/fader", 0.5), ("/mark",)]
    dispatcher.receive(encode_bundle(1, [encode_message(*part) for part in parts]), make_peer().sender())
    assert seen == [0.25, 0.75, 0.5]


def test_the_mapped_messages_of_a_timed_bundle_land_in_one_frame(reports, make_peer) -> None:
    def both(message: Message, sender: str, now_s: float) -> tuple[Message, ...]:
        return (Message(f"/layer/{message.args[0]}/intensity", (0.5,), "f"),)

    dispatcher, store, _ = make(both, reports)
    parts = [encode_message("/fader", layer) for layer in (1, 2, 3)]
    due = time_tag_of(dispatcher.clock.wall_s() + 0.5)
    dispatcher.receive(encode_bundle(due, parts), make_peer().sender())
    dispatcher.tick()
    assert store.version == 0
    dispatcher.clock.advance(1.0)
    dispatcher.tick()
    assert store.version == 1
    assert {change.by for change in store.changes_since(0)[0]} == {"map"}


def test_values_set_by_a_mapped_control_are_sent_to_its_subscribed_sender(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer = make_peer()
    dispatcher.receive(encode_message("/engine/notify", 1), peer.sender())
    dispatcher.feedback.tick(0.0)
    for second in range(1, 20):
        dispatcher.feedback.tick(float(second))
    peer.take()
    dispatcher.receive(encode_message("/fader", 0.5), peer.sender())
    dispatcher.feedback.tick(30.0)
    assert Message("/layer/1/intensity", (0.5,), "f") in peer.take()


def test_a_watcher_and_a_subscriber_see_each_message_as_it_came(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer, seen = make_peer(), []
    dispatcher.receive(encode_message("/before", 1), peer.sender())
    dispatcher.set_watcher(lambda now_s, name, message: seen.append((now_s, name, message.address)))
    dispatcher.receive(encode_message("/layer/1/angle", 1.0), peer.sender())
    dispatcher.receive(encode_bundle(1, [encode_message("/fader", 0.5), encode_message("/mood")]), peer.sender())
    dispatcher.set_watcher(None)
    dispatcher.receive(encode_message("/after", 1), peer.sender())
    assert seen == [(0.0, peer.name, address) for address in ("/layer/1/angle", "/fader", "/mood")]


def test_levels_of_a_lighting_desk_land_in_one_frame_and_the_others_are_listed_in_silence(reports, make_peer) -> None:
    def by_channel(message: Message, sender: str, now_s: float) -> tuple[Message, ...] | None:
        layer = message.address.removeprefix("/dmx/1/")
        return (Message(f"/layer/{layer}/intensity", message.args, "f"),) if layer in "12" else None

    dispatcher, store, _ = make(by_channel, reports)
    peer, seen = make_peer("artnet 2.0.0.5"), []
    dispatcher.set_watcher(lambda now_s, sender, message: seen.append((sender, message)))
    levels = [Message(f"/dmx/1/{channel}", (0.25,), "f") for channel in (1, 2, 3)]
    before = store.version
    dispatcher.receive_controls(levels, peer.sender())
    assert store.version == before + 1
    assert store.get("/layer/1/intensity") == store.get("/layer/2/intensity") == 0.25
    assert {change.by for change in store.changes_since(before)[0]} == {"map"}
    ((address, sender, heard),), _ = dispatcher.heard.listed(10)
    assert (address, sender, heard.args) == ("/dmx/1/3", "artnet 2.0.0.5", (0.25,))
    assert seen == [("artnet 2.0.0.5", level) for level in levels], "the monitor shows them, too"
    assert reports.lines == [] and peer.take() == []
