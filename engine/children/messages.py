"""Messages between the engine and a child: msgspec structs, packed by `engine.ipc.ControlPipe`.

    engine -> child
    Begin           once, first
    Update          values, inputs, commands
    OutputCreated   answers OutputRequest
    Stop            please exit

    child -> engine
    Hello           the main function has started
    UpdateReceived  its loop has received an update
    Facts           facts for the status
    OutputRequest   create a ring (AudioOutputRequest: for sound)
    TrialStarted    before a value's first use; TrialPassed: after it
    CallAnswer      the result of a command
    Note            a warning to report
    FaultReport     why it is about to exit

A child that is stopped (SIGSTOP, a driver) reads nothing, and a full pipe would block the engine's
end. Backpressure: everything the engine sends often goes into one kind of message, `Update`, and
only one is in flight at a time. The next is sent when the child has acknowledged it with
`UpdateReceived`, and carries everything that has changed since. Of Begin, Stop and OutputCreated at
most one each is in flight.
"""

import math
from typing import Any, Final

import msgspec

VALUES_BYTES: Final = (
    40_000  # per update; with a command and the inputs it stays below the limit of a control pipe
)
CALL_BYTES: Final = 8_000

Fact = bool | int | float | str


class ChildMessage(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Base of all messages."""


class Begin(ChildMessage, frozen=True):
    loop: str
    """`package.module:function`"""
    settings: dict[str, Any]
    environment: dict[str, str]
    niceness: int
    counters: str
    """Shared-memory segment of this process's ChildCounters."""
    gate: str
    """Segment of the engine's render gate, or "" without one."""
    turn_index: int = 0
    """Index by which it takes turns with other children of its GPU; 0: it takes none."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    name: str
    arguments: list[Any]


class Update(ChildMessage, frozen=True):
    number: int
    values: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    """Segment by name."""
    call: Call | None = None


class OutputCreated(ChildMessage, frozen=True):
    name: str
    segment: str
    """"" if it could not be created."""
    reason: str = ""


class Stop(ChildMessage, frozen=True):
    pass


class Hello(ChildMessage, frozen=True):
    pid: int


class UpdateReceived(ChildMessage, frozen=True):
    number: int


class Facts(ChildMessage, frozen=True):
    facts: dict[str, Fact]


class OutputRequest(ChildMessage, frozen=True):
    name: str
    width: int
    height: int
    channels: int


class AudioOutputRequest(ChildMessage, frozen=True):
    name: str
    channels: int
    rate_hz: int
    seconds: float


class TrialStarted(ChildMessage, frozen=True):
    key: str
    value: Any


class TrialPassed(ChildMessage, frozen=True):
    key: str
    value: Any


class CallAnswer(ChildMessage, frozen=True):
    number: int
    is_done: bool
    text: str


class Note(ChildMessage, frozen=True):
    key: str
    text: str


class FaultReport(ChildMessage, frozen=True):
    kind: str
    """memory, driver, model: named by the loop; error: an unexpected exception. `driver` blames no
    value."""
    text: str
    is_final: bool


ToChild = Begin | Update | OutputCreated | Stop
Trial = TrialStarted | TrialPassed
ToEngine = (
    Hello
    | UpdateReceived
    | Facts
    | OutputRequest
    | AudioOutputRequest
    | Trial
    | CallAnswer
    | Note
    | FaultReport
)


def packed_bytes(value: Any) -> float:
    """Size of a value in a message; infinite if it cannot be packed."""
    try:
        return len(msgspec.msgpack.encode(value))
    except (TypeError, ValueError, OverflowError):
        return math.inf
