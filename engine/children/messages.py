"""The messages between the engine and a child: msgspec structs, packed by `engine.ipc.ControlPipe`.

    engine -> child                              child -> engine
    Begin       once, before all others          Hello       its main function runs
    Update      values, inputs, commands         Taken       an update has reached its loop
    OutputMade  the answer to WantOutput         Ready Facts what it has to say about itself
    Stop        end yourself                     WantOutput  make me a ring
                                                 Trying Proved   what is blamed if it dies between them
                                                 Answer      how a command went
                                                 Note        something for the engine's warnings
                                                 Fault       why it is about to end

A child that is stopped (SIGSTOP, a driver) reads nothing, and a full pipe would stop the engine's end with it. So of
all that the engine may say often there is one message, `Update`, and one of it under way: the next leaves when the
child has said `Taken`, with whatever has gathered meanwhile. Begin, Stop and OutputMade are one each at most.
"""

import math
from typing import Any, Final

import msgspec

VALUES_BYTES: Final = 40_000  # in one update; with a command and the inputs still less than a control pipe takes
CALL_BYTES: Final = 8_000


Fact = bool | int | float | str


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    pass


class Begin(Message):
    loop: str
    """`package.module:function`"""
    settings: dict[str, Any]
    environment: dict[str, str]
    niceness: int
    words: str
    """Segment of this process's words."""
    gate: str
    """Segment of the engine's gate; "" when it has none."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    name: str
    arguments: list[Any]


class Update(Message):
    number: int
    values: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    """Name -> segment."""
    call: Call | None = None


class OutputMade(Message):
    name: str
    segment: str
    """"" when it could not be made."""
    reason: str = ""


class Stop(Message):
    pass


class Hello(Message):
    pid: int


class Taken(Message):
    number: int


class Ready(Message):
    facts: dict[str, Fact]


class Facts(Message):
    facts: dict[str, Fact]


class WantOutput(Message):
    name: str
    width: int
    height: int
    channels: int


class WantAudioOutput(Message):
    name: str
    channels: int
    rate_hz: int
    seconds: float


class Trying(Message):
    key: str
    value: Any


class Proved(Message):
    key: str
    value: Any


class Answer(Message):
    number: int
    is_done: bool
    text: str


class Note(Message):
    key: str
    text: str


class Fault(Message):
    kind: str
    """memory, driver, model: told by the loop; error: an exception it did not expect."""
    text: str
    is_final: bool


ToChild = Begin | Update | OutputMade | Stop
ToEngine = Hello | Taken | Ready | Facts | WantOutput | WantAudioOutput | Trying | Proved | Answer | Note | Fault


def packed_bytes(value: Any) -> float:
    """Length of a value in a message; infinite for what no message can hold."""
    try:
        return len(msgspec.msgpack.encode(value))
    except (TypeError, ValueError, OverflowError):
        return math.inf
