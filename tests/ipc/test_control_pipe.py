"""Messages between two ends of a pipe; tests/children has them between real processes."""

from collections.abc import Iterator
from multiprocessing.connection import wait

import msgspec
import pytest

from engine.errors import ControlPipeError, PipeClosedError
from engine.ipc import ControlPipe
from engine.ipc.control_pipe import MAX_BYTES, open_pipe


class Values(msgspec.Struct, tag="values", frozen=True):
    values: dict[str, float | str]
    version: int


class Stop(msgspec.Struct, tag="stop", frozen=True):
    pass


class Ready(msgspec.Struct, tag="ready", frozen=True):
    facts: dict[str, float]


Ends = tuple[ControlPipe[Ready], ControlPipe[Values | Stop]]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The engine's end and the child's."""
    engine, child = open_pipe()
    pipes = ControlPipe[Ready](engine, Ready), ControlPipe[Values | Stop](child, Values | Stop)
    yield pipes
    for pipe in pipes:
        pipe.close()


def test_messages_arrive_in_order_and_unchanged(ends: Ends) -> None:
    engine, child = ends
    assert child.receive() is None
    engine.send(Values({"/sd/prompt": "a bird", "/sd/strength": 0.5}, 7))
    engine.send(Stop())
    assert child.receive(120.0) == Values({"/sd/prompt": "a bird", "/sd/strength": 0.5}, 7)
    assert child.receive() == Stop()
    assert child.receive() is None
    child.send(Ready({"loaded_s": 3.5}))
    assert wait([engine.connection], 120.0) == [engine.connection]
    assert engine.receive() == Ready({"loaded_s": 3.5})


def test_messages_sent_before_closing_are_read_first_and_then_both_ends_are_closed(
    ends: Ends,
) -> None:
    engine, child = ends
    engine.send(Stop())
    engine.close()
    with pytest.raises(PipeClosedError, match="closed"):
        engine.send(Stop())
    with pytest.raises(PipeClosedError, match="closed"):
        engine.receive()
    assert child.receive(120.0) == Stop()
    for _ in range(2):
        with pytest.raises(PipeClosedError, match="the other end is gone"):
            child.receive()
    with pytest.raises(PipeClosedError, match=r"the other end is gone \(.*\w.*\)"):
        child.send(Ready({}))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (msgspec.msgpack.encode(Ready({})), r"Invalid value 'ready' .*(it begins with .*ready)"),
        (
            msgspec.msgpack.encode({"type": "values", "values": {}, "version": "x"}),
            r"Expected `int`.*`\$.version`",
        ),
        (b"\xc1", "malformed"),
        (b"\x00" * 200, r"\.\.\."),
    ],
)
def test_an_unreadable_message_is_reported_and_the_next_one_arrives(
    ends: Ends, message: bytes, reason: str
) -> None:
    engine, child = ends
    engine.connection.send_bytes(message)
    engine.send(Stop())
    with pytest.raises(ControlPipeError, match=f"unreadable message: .*{reason}"):
        child.receive(120.0)
    assert child.receive(120.0) == Stop()


def test_the_longest_message_fits_into_an_empty_pipe_and_a_longer_one_is_refused(
    ends: Ends,
) -> None:
    engine, child = ends
    room = MAX_BYTES - len(msgspec.msgpack.encode(Values({"text": "x" * 50_000}, 0))) + 50_000
    longest = Values({"text": "x" * room}, 0)
    engine.send(longest)  # nobody reads yet
    assert child.receive(120.0) == longest
    with pytest.raises(
        ControlPipeError, match=rf"a Values of {MAX_BYTES + 1} bytes is too long \(at most 61440\)"
    ):
        engine.send(Values({"text": "x" * (room + 1)}, 0))
    assert child.receive() is None


def test_a_too_long_message_closes_the_pipe_and_is_not_read(ends: Ends) -> None:
    engine, child = ends
    engine.connection.send_bytes(b"x" * (MAX_BYTES + 1))
    for _ in range(2):
        with pytest.raises(PipeClosedError):
            child.receive(120.0)


def test_an_end_that_never_reads_does_not_block_the_sender(ends: Ends) -> None:
    engine, child = ends
    message = Values({"text": "x" * 15_000}, 1)
    with pytest.raises(ControlPipeError, match="no room for a Values: the other end does not read"):
        for _ in range(10_000):
            engine.send(message)
    while child.receive():
        pass
    engine.send(Stop())
    assert child.receive(120.0) == Stop()
