"""Messages in another program's language: carried out as what they are mapped to, in the name of the map."""

from collections.abc import Callable

from engine.clock import SteppedClock
from engine.control import CommandTable, Dispatcher
from engine.osc import Message, encode_bundle, encode_message
from engine.osc.time_tag import time_tag_of
from engine.params import ParamStore


def make(translate: Callable, reports: object) -> tuple[Dispatcher, ParamStore, list[str]]:
    store, commands, ran = ParamStore(), CommandTable(), []
    commands.add("/preset/load", lambda args, reply: (ran.append(args[0]), reply.done(*args)))
    return Dispatcher(store, commands, SteppedClock(), reports, translate), store, ran


def intensity(message: Message, sender: str, now_s: float) -> tuple[Message, ...] | None:
    if message.address != "/fader":
        return None
    return (Message("/layer/1/intensity", message.args, "f"),)


def test_a_mapped_message_sets_what_it_stands_for_in_the_name_of_the_map(reports, make_peer) -> None:
    dispatcher, store, _ = make(intensity, reports)
    dispatcher.receive(encode_message("/fader", 0.5), make_peer().sender())
    assert store.get("/layer/1/intensity") == 0.5
    assert store.changes_since(0)[0][-1].by == "map"
    assert reports.lines == []


def test_what_is_not_mapped_is_unknown_as_before(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer = make_peer()
    dispatcher.receive(encode_message("/foreign", 0.5), peer.sender())
    assert dispatcher.counters.unknown == 1
    assert peer.take()[0].address == "/fail"


def test_a_message_that_is_mapped_to_nothing_just_now_is_not_unknown(reports, make_peer) -> None:
    dispatcher, store, _ = make(lambda message, sender, now_s: (), reports)
    peer = make_peer()
    dispatcher.receive(encode_message("/clock"), peer.sender())
    assert dispatcher.counters.unknown == 0
    assert store.version == 0
    assert peer.take() == []


def test_our_own_language_is_never_translated(reports, make_peer) -> None:
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


def test_a_control_mapped_to_a_command_runs_it_and_its_sender_hears_the_answer(reports, make_peer) -> None:
    dispatcher, _, ran = make(lambda *_: (Message("/preset/load", ("night",), "s"),), reports)
    peer = make_peer()
    dispatcher.receive(encode_message("/pad", 1), peer.sender())
    assert ran == ["night"]
    assert peer.take() == [Message("/done", ("/preset/load", "night"), "ss")]


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


def test_what_a_control_moves_comes_back_to_a_sender_that_subscribed(reports, make_peer) -> None:
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


def test_a_watcher_sees_every_message_as_it_came(reports, make_peer) -> None:
    dispatcher, _, _ = make(intensity, reports)
    peer, seen = make_peer(), []
    dispatcher.receive(encode_message("/before", 1), peer.sender())
    dispatcher.watcher = lambda now_s, name, message: seen.append((now_s, name, message.address))
    dispatcher.receive(encode_message("/layer/1/angle", 1.0), peer.sender())
    dispatcher.receive(encode_bundle(1, [encode_message("/fader", 0.5), encode_message("/mood")]), peer.sender())
    dispatcher.watcher = None
    dispatcher.receive(encode_message("/after", 1), peer.sender())
    assert seen == [(0.0, peer.name, address) for address in ("/layer/1/angle", "/fader", "/mood")]
