"""Bounds the Python calls that answer a mistake or take a look, and tests that no remembered
mistake hides a name."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import engine
import osc_schema
from engine.control import Feedback
from engine.control.commands.mapping import MapControl
from engine.control.commands.mapping_feedback import MapFeedback
from engine.osc.encode import encode_message
from engine.params import ParamStore
from engine.params.shader_inputs import inputs_of
from tests.control.commands.show_rig import PresetRig, make_context
from tests.control.dispatcher_rig import Hub
from tests.params.test_shader_inputs import SPEED

OWN_FOLDERS = tuple(str(Path(str(package.__file__)).parent) for package in (engine, osc_schema))


@pytest.fixture
def hub(
    reports: Any, make_peer: Callable[..., Any], tmp_path: Path, store: ParamStore
) -> Iterator[Hub]:
    """With a real map, whose control is being learned on `/map/learn`."""
    outgoing = Feedback(store, reports)
    feedback = MapFeedback(
        store, listener_of=outgoing.listener_of, is_behind=outgoing.outbox.is_behind, report=reports
    )
    control = MapControl(
        make_context(reports, store), tmp_path / "mapping.toml", clock={}, feedback=feedback
    )
    hub = Hub(reports, make_peer(), control)
    control.add_commands(hub.commands)
    yield hub
    control.close()


def calls_of(
    action: Callable[[], object], is_over: Callable[[], object] = lambda: False
) -> list[tuple[str, str]]:
    """The file and the name of each call of our own Python code in `action()`, until
    `is_over()`."""
    calls: list[tuple[str, str]] = []

    def count(frame: FrameType, event: str, arg: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OWN_FOLDERS) and not is_over():
            calls.append((frame.f_code.co_filename, frame.f_code.co_name))

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


def calls_until_answered(hub: Hub, packet: bytes) -> tuple[int, int]:
    """The number of calls, and of their files, from a packet to the packet of the answer."""
    sender = hub.peer.sender()
    calls = calls_of(lambda: hub.dispatcher.receive(packet, sender), lambda: hub.peer.packets)
    return len(calls), len({file for file, _ in calls})


@pytest.mark.parametrize(
    ("address", "nearest"),
    [
        ("/layer/1/intensty", "nearest: /layer/1/intensity"),
        ("/engine/statsu", "nearest: /engine/status"),
        ("/layer/1/[a-b]x", "matches no parameter"),
    ],
)
def test_the_second_mistake_is_answered_within_sixty_calls_in_fifteen_files(
    hub: Hub, address: str, nearest: str
) -> None:
    packet = encode_message(address, 0.5)
    hub.packet(packet)
    hub.clock.advance(1.0)
    calls, files = calls_until_answered(hub, packet)
    assert calls < 60 and files <= 15
    (answer,) = hub.peer.take()
    assert answer.args[0] == address and nearest in answer.args[1]


def test_a_mistyped_address_can_be_learned_and_then_moves_its_target(hub: Hub) -> None:
    for value in (0.1, 0.2):
        hub.say("/layer/1/opacty", value)
        hub.clock.advance(1.0)
    hub.say("/map/learn", "/layer/2/intensity")
    answers = hub.say("/layer/1/opacty", 0.9)
    assert [answer.args for answer in answers] == [
        ("/map/learn", "/layer/2/intensity", "osc /layer/1/opacty", "fader")
    ]
    assert hub.say("/layer/1/opacty", 0.25) == []
    assert hub["/layer/2/intensity"] == 0.375  # of 1.5


def test_an_input_is_found_once_its_shader_plays_though_its_name_was_a_mistake_before(
    hub: Hub,
) -> None:
    (answer,) = hub.say("/fx/1/speed", 0.5)
    assert "no shader with inputs plays" in answer.args[1] and hub.counters.rejected == 1
    hub.clock.advance(1.0)
    (answer,) = hub.say("/fx/1/sp*", 0.5)
    assert "matches no parameter" in answer.args[1]
    inputs, _ = inputs_of("1", [SPEED])
    hub.dispatcher.views.show("1", inputs)
    for address, value in (("/fx/1/speed", 2.5), ("/fx/1/sp*", 7.5)):
        assert hub.say(address, value) == []
        assert hub[inputs[0].aliases[0]] == value / 10.0


@pytest.mark.parametrize("seconds", ["0", "2s"])
def test_a_take_looks_no_value_up_by_its_address(
    reports: Any, tmp_path: Path, seconds: str
) -> None:
    rig = PresetRig(tmp_path, reports)
    rig.done("/preset/prepare", "Mandala")
    calls = [name for _, name in calls_of(lambda: rig.say("/preset/take", seconds))]
    assert rig.crossfade.is_fading == (seconds == "2s") and rig.presets.current.name == "Mandala"
    assert calls.count("require") > 300, "each value is asked for whether this run can use it"
    assert calls.count("lookup") < 10
    rig.close()
