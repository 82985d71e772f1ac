"""The pipes of children, which Windows buffers by messages and writes in the background."""

import importlib
from collections.abc import Iterator

import msgspec
import pytest

from engine.children.messages import Begin, ChildMessage, Stop, ToChild, Update
from engine.errors import ControlPipeError, PipeClosedError
from engine.ipc import ControlPipe
from engine.ipc.control_pipe import NEW_PIPE_BYTES, open_pipe

pytestmark = pytest.mark.only_on("win32", reason="named pipes with overlapped operations")

Ends = tuple[ControlPipe[ChildMessage], ControlPipe[ToChild]]
FITTING = NEW_PIPE_BYTES // 50_000


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The engine's and the child's end of a new pipe."""
    ours, theirs = open_pipe()
    pipes: Ends = ControlPipe(ours, ChildMessage), ControlPipe(theirs, ToChild)
    yield pipes
    for pipe in pipes:
        pipe.close()


def update(number: int) -> Update:
    return Update(number=number, values={"/sd/prompt": "x" * 50_000})


def fill(engine: ControlPipe[ChildMessage]) -> list[Update]:
    """Write until a message finds no room; those that the child will get."""
    messages = [update(number) for number in range(FITTING + 1)]
    for message in messages[:FITTING]:
        engine.send(message)
    with pytest.raises(ControlPipeError, match="no room for a Update: the other end does not read"):
        engine.send(messages[FITTING])
    return messages


def test_the_first_messages_are_written_while_the_childs_interpreter_starts(ends: Ends) -> None:
    engine, child = ends
    begin = Begin(
        loop="a:run",
        settings={"text": "x" * 40_000},
        environment={},
        niceness=0,
        counters="",
        gate="",
    )
    messages = [
        begin,
        Update(number=1, values={"/sd/prompt": "y" * 48_000}),
        Update(number=2),
        Stop(),
    ]
    for message in messages:  # no reader yet
        engine.send(message)
    assert [child.receive(1.0) for _ in messages] == messages
    assert child.receive() is None


def test_a_child_that_does_not_read_gets_its_messages_when_it_continues(ends: Ends) -> None:
    engine, child = ends
    messages = fill(engine)
    with pytest.raises(ControlPipeError):
        engine.send(update(100))  # never written: the one before is still on its way
    assert [child.receive(1.0) for _ in messages] == messages
    engine.send(update(101))
    assert child.receive(1.0) == update(101)


def test_a_message_is_complete_even_if_its_reader_was_stopped_halfway(ends: Ends) -> None:
    engine, child = ends
    *before, late = fill(engine)
    assert [child.receive(1.0) for _ in before] == before
    winapi, handle = importlib.import_module("_winapi"), child.connection.fileno()
    # the first step of PipeConnection.recv_bytes
    start, _ = winapi.ReadFile(handle, 128, overlapped=True)
    start.GetOverlappedResult(True)
    engine.send(Stop())
    rest, _ = winapi.ReadFile(handle, winapi.PeekNamedPipe(handle)[1], overlapped=True)
    rest.GetOverlappedResult(True)
    assert msgspec.msgpack.decode(start.getbuffer() + rest.getbuffer(), type=ToChild) == late
    assert child.receive(1.0) == Stop()


def test_a_pending_message_hides_no_death(ends: Ends) -> None:
    engine, child = ends
    fill(engine)
    child.close()
    with pytest.raises(PipeClosedError):
        engine.send(Stop())


def test_closing_cancels_the_pending_message_and_the_others_arrive(ends: Ends) -> None:
    engine, child = ends
    *before, _ = fill(engine)
    engine.close()
    assert [child.receive(1.0) for _ in before] == before
    with pytest.raises(PipeClosedError):
        child.receive(1.0)
