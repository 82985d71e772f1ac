"""The arguments of every command: what an engine answers over UDP to one too few, one too many and
each that is wrong; and what handlers get."""

import inspect
import logging
import math
import re
from collections.abc import Iterator
from types import NoneType
from typing import get_args

import pytest

import osc_schema
from engine.control import Reply, Sender
from engine.control.arguments import read_arguments
from engine.osc.encode import encode_message
from engine.params.fade_time import AT_ONCE, FadeTime
from osc_schema import Argument, Command, Rejected
from osc_schema.declare import arguments
from tests.support.engine_client import EngineClient, open_client

SAMPLES = {
    "text": "x",
    "whole": 1,
    "number": 0.0,
    "switch": 1,
    "press": 1,
    "time": 0.5,
    "beat": "now",
    "any": 1,
}
WRONG: dict[str, tuple[object, ...]] = {
    "text": (True, None, b"blob"),
    "whole": ("one", 1.5, None, True),
    "number": ("loud", math.nan, None, False),
    "switch": ("on", 2, 0.5, None),
    "press": ("on", 2, 0.5, None),
    "time": ("soon", -1.0, None, True),
    "beat": ("later", 1, None),
    "any": (None, b"blob"),
}
TYPES: dict[str, set[type]] = {
    "text": {str},
    "whole": {int},
    "number": {float},
    "switch": {bool},
    "time": {FadeTime},
    "any": {str, float},
}
FADE = "name:s fade:time=0 quantise:beat[beat|bar]?"
PORT = "on:switch port:i? form:s[osc|midi]=osc"
MISTAKE = re.compile(r"(takes .+, not \d+ arguments?|\w+: takes .+, not .+)")


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineClient]:
    with open_client(tmp_path_factory.mktemp("arguments")) as session:
        session.done("/preset/save", "Dawn")
        session.done("/cue/set", 1, "Dawn", "0.5", 0, "1")
        yield session


def sample(argument: Argument) -> object:
    if argument.choices:
        return argument.choices[0]
    return SAMPLES[argument.kind] if argument.low is None else argument.low


def wrong_values(argument: Argument) -> list[object]:
    values = list(WRONG[argument.kind])
    if argument.choices:
        values.append("neither")
    if argument.kind == "text":
        return values if argument.high is None else [*values, "x" * (int(argument.high) + 1)]
    limits = ((argument.low, -1), (argument.high, 1))
    return values + [limit + beyond for limit, beyond in limits if limit is not None]


def mistakes(command: Command) -> Iterator[tuple[object, ...]]:
    """Arguments that a command refuses: each mistake alone."""
    valid = [sample(each) for each in command.arguments]
    fewest = sum(not each.is_optional for each in command.arguments)
    if fewest:
        yield tuple(valid[: fewest - 1])
    yield (*valid, 1)
    for at, argument in enumerate(command.arguments):
        for value in wrong_values(argument):
            yield (*valid[:at], value, *valid[at + 1 : fewest])


def types_of(argument: Argument) -> set[type]:
    is_none = argument.is_optional and argument.default is None
    return TYPES[argument.kind] | ({NoneType} if is_none else set())


def state(session: EngineClient) -> tuple[object, ...]:
    hub = session.engine.control_hub
    return (
        session.engine.params.snapshot().to_dict(),
        hub.preset_control.cache.names(),
        hub.preset_control.mixer.prepared,
        hub.cues.cues,
        hub.banks.banks,
        dict(hub.mapping.controls()),
        hub.launch_queue.waiting_preset,
    )


def test_a_wrong_argument_of_any_command_is_answered_in_one_line_and_nothing_is_done(
    session: EngineClient, caplog: pytest.LogCaptureFixture
) -> None:
    before = state(session)
    for command in osc_schema.COMMANDS:
        address = command.address.replace("<n>", "1")
        for args in mistakes(command):
            reason = session.failed(address, *args)
            assert MISTAKE.fullmatch(reason), (address, args, reason)
            assert len(reason) < 300 and reason.isprintable()
    session.client.send(b"/sync\0\0\0,\0\0\0")
    assert session.answer().address == "/synced", "each got one answer"
    assert state(session) == before
    assert session.engine.control_hub.dispatcher.counters.errors == 0
    assert [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR] == []


def test_a_number_that_comes_as_a_text_is_that_number_to_commands_and_parameters(
    session: EngineClient,
) -> None:
    """As Companion and AndrOSC send them."""
    assert session.done("/smooth", "/layer/1/angle", "40.5") == ("/smooth", "/layer/1/angle", 40.5)
    assert session.done("/layer/copy", "1", " 2 ") == ("/layer/copy", 1, 2)
    assert session.done("/gesture", "1")[1] == 1 and session.done("/gesture", "0")[1] == 0
    for address, text, value in (("/layer/1/curve", "0.5", 0.5), ("/layer/1/mute", "1", True)):
        session.client.send(encode_message(address, text))
        session.client.send(encode_message("/sync"))
        assert session.answer().address == "/synced"
        assert session.engine.params.get(address) == value


def test_a_button_that_is_released_does_nothing_not_even_wait_for_the_beat(
    session: EngineClient,
) -> None:
    session.engine.params.set("/launch/quantise", "4_bars")
    try:
        for address in ("/cue/go", "/preset/next", "/undo", "/audio/file/next", "/engine/quit"):
            session.client.send(encode_message(address, 0.0))
        session.client.send(encode_message("/launch/list"))
        assert session.answer().args == ("/launch/list",), "nothing waits"
    finally:
        session.engine.params.set("/launch/quantise", "now")


def test_every_handler_has_a_parameter_of_its_type_for_each_declared_argument(
    session: EngineClient,
) -> None:
    hub = session.engine.control_hub
    handlers = [
        (each.declaration, each.handler, [Reply] + [int] * ("<n>" in address))
        for address, each in hub.commands.commands.items()
    ]
    for address, query in hub.dispatcher._runner.queries.items():
        declaration = osc_schema.lookup_command(address)
        assert declaration is not None
        handlers.append((declaration, query, [Sender, Reply]))
    assert {each.address for each, _, _ in handlers} == {
        each.address for each in osc_schema.COMMANDS
    }
    for declaration, handler, first in handlers:
        parameters = list(inspect.signature(handler).parameters.values())
        expected = [{each} for each in first]
        expected += [types_of(each) for each in declaration.arguments if each.kind in TYPES]
        assert len(parameters) >= len(expected), declaration.address
        for parameter, types in zip(parameters, expected, strict=False):
            annotation = parameter.annotation
            annotated = set(get_args(annotation) or (annotation,))
            assert types <= annotated, (declaration.address, parameter)
        for other in parameters[len(expected) :]:
            assert other.default is not other.empty, (declaration.address, other)


@pytest.mark.parametrize(
    ("spec", "args", "values", "quantise"),
    [
        (
            FADE,
            ("A", "2bars", "bar"),
            ("A", FadeTime(2, "bars")),
            "bar",
        ),
        (
            FADE,
            ("bar",),
            ("bar", AT_ONCE),
            None,
        ),
        (
            FADE,
            (7, "bar"),
            ("7", AT_ONCE),
            "bar",
        ),
        (
            PORT,
            (True, "midi"),
            (True, None, "midi"),
            None,
        ),
        (
            PORT,
            ("0", "57.0"),
            (False, 57, "osc"),
            None,
        ),
        (
            "id:i|s?",
            (),
            (None,),
            None,
        ),
        (
            "size:f[0.5..2]",
            (2,),
            (2.0,),
            None,
        ),
    ],
)
def test_what_is_left_out_has_its_default_and_a_name_at_the_end_needs_nothing_before_it(
    spec: str, args: tuple, values: tuple, quantise: str | None
) -> None:
    read = read_arguments(Command(address="/test", description="", arguments=arguments(spec)), args)
    assert (read.values, read.quantise, read.is_release) == (values, quantise, False)
    assert [type(each) for each in read.values] == [type(each) for each in values]


def test_a_mistake_names_the_argument_what_it_takes_and_what_came() -> None:
    spec = "name:s pad:i[1..16] fade:time=0 quantise:beat[beat|bar]?"
    command = Command(address="/test", description="", arguments=arguments(spec))
    beats = "one of beat, bar"
    time = "a time of 0..3600 s, or one in beats or bars, such as 4b or 2bars"
    for args, line in (
        ((), "takes name:s, pad:i, fade:f (optional), quantise:s (optional), not 0 arguments"),
        (("x", 17), "pad: takes a whole number 1..16, not 17"),
        (("x", 1, "soon"), f"fade: takes {time} (quantise: {beats}), not 'soon'"),
        (("x", 1, 0, "beet"), f"quantise: takes {beats}, not 'beet'"),
    ):
        with pytest.raises(Rejected) as rejection:
            read_arguments(command, args)
        assert str(rejection.value) == line
    with pytest.raises(ValueError, match="NAME:TYPE"):
        arguments("pad:x[1..16]")
