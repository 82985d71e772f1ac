"""Types of a declaration, such as Param and Command, and the result of `accept()`.

Canonical values, one Python type per parameter type:
FLOAT, STOPS -> float · INT -> int · BOOL, TRIGGER -> bool · MENU, TEXT, FILE -> str
COLOUR -> (red, green, blue, alpha), floats 0..1
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

Value = float | int | bool | str | tuple[float, float, float, float]


class Rejected(ValueError):
    """An unusable value, address or pattern. `str()` is one line: which, why, and what is
    allowed."""


class ParamType(StrEnum):
    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    MENU = "menu"
    STOPS = "stops"
    TEXT = "text"
    TRIGGER = "trigger"
    COLOUR = "colour"
    FILE = "file"


OutOfRange = Literal["clip", "wrap", "reject"]
ScaleName = Literal["linear", "exponential"]
ArgumentKind = Literal["text", "whole", "number", "switch", "press", "time", "beat", "any"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """Declaration of a parameter: its address, type, default, range and description. The helpers in
    `declare` fill in what follows from the type."""

    address: str
    type: ParamType
    default: Value
    low: float
    """Smallest value; for TEXT and FILE the smallest number of characters; for MENU 0."""
    high: float
    """Largest value, inclusive; for TEXT and FILE the largest number of characters; for MENU the
    last index."""
    step: int = 1
    """For INT: values are rounded to multiples of it."""
    unit: str = ""
    description: str
    out_of_range: OutOfRange = "reject"
    smoothing_ms: float = 0.0
    """Time constant of the one-pole glide to a new value: 63 % of the way after this long. 0: at
    once. A MENU glides as weights of its items."""
    scale: ScaleName = "linear"
    """exponential: equal steps of a control multiply the value by equal factors, see `scale`."""
    menu: tuple[str, ...] = ()
    former_items: tuple[tuple[str, str], ...] = ()
    """For MENU: former names of items, each with the item that it means now; still accepted."""
    swatches: tuple[tuple[str, ...], ...] = ()
    """For MENU: the colours of each item, "#rrggbb", which the page shows beside it."""
    stops: tuple[str, ...] = ()
    """Names of the values 0, 1, 2, ... of a STOPS parameter; values between two stops mix them."""
    stored: bool = True
    """Stored in presets."""
    is_look: bool = True
    """Part of the look: /master/panic resets it to its default."""
    resumed: bool = True
    """Stored in the autosave that `--resume` reads."""
    child: str | None = None
    """The child process that receives it; None: the engine itself."""
    tags: str = ""
    """Search tags, separated by spaces: other names that people use for it."""
    is_confirmed: bool = False
    """Control surfaces ask for confirmation before they send it, because a change interrupts the
    picture."""
    needs_opengl: bool = False
    """True for an effect of `/post` that Numba does not draw; a run that draws with Numba says so
    while it is on."""

    @property
    def can_glide(self) -> bool:
        """True if a smoothing time has an effect: floats and stops, except the engine's frame
        rate."""
        return self.type in (ParamType.FLOAT, ParamType.STOPS) and self.area != "engine"

    @property
    def area(self) -> str:
        """The first part of the address: `layer` in `/layer/1/angle`."""
        return self.address.split("/", 2)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """Declaration of an argument of a command or a message; `declare.arguments` reads it from a
    text. engine/control/arguments.py checks what arrives."""

    name: str
    type: Literal["s", "i", "f"]
    """OSC type tag that a client sends; what spells such a value is accepted, too."""
    kind: ArgumentKind = "text"
    """How it is read: switch is 1 or 0; press the same, and 0, a button's release, does nothing;
    time is that of a fade; beat the one to wait for; any a number or a text."""
    is_optional: bool = False
    low: float | None = None
    """Smallest value, of a text the fewest characters; None: no limit."""
    high: float | None = None
    choices: tuple[str, ...] = ()
    """All texts that are accepted; empty: any."""
    default: str | None = None
    """The value of an argument that is left out, as it would be typed; None: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Declaration of a command: an action that runs once and replies. It has no value, is in no
    preset and matches no pattern."""

    address: str
    arguments: tuple[Argument, ...] = ()
    description: str
    replies: tuple[str, ...] = ()
    """Replies as a patch receives them: address, then the arguments."""
    last: int = 0
    """`<n>` in the address stands for 1 to this number, always; 0: for what exists, as for cues."""

    def fixed(self) -> "tuple[Command, ...]":
        """The commands whose addresses always exist: this one, or one for each number."""
        if "<n>" not in self.address:
            return (self,)
        return tuple(self._numbered(str(number)) for number in range(1, self.last + 1))

    def _numbered(self, number: str) -> "Command":
        replies = tuple(reply.replace("<n>", number) for reply in self.replies)
        return replace(self, address=self.address.replace("<n>", number), replies=replies)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedMessage:
    """Declaration of a message that the engine sends to subscribers by itself. It cannot be set, is
    in no preset and matches no pattern."""

    address: str
    """`<n>`: a number from 1 to `last`."""
    arguments: tuple[Argument, ...] = ()
    description: str
    """When it is sent, and what its arguments say."""
    last: int = 0

    def fixed(self) -> "tuple[PublishedMessage, ...]":
        """The messages by their real addresses: this one, or one for each number."""
        numbers = range(1, self.last + 1)
        return tuple(
            replace(self, address=self.address.replace("<n>", str(n))) for n in numbers
        ) or (self,)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraPicture:
    """A picture that the engine may publish in addition to the main one."""

    name: str
    """Prefix in the names of sinks: NAME in `NAME:record`."""
    addition: str
    """Appended to the main picture's name."""
    shows: str
    """Its content, as the object of a sentence."""
    model: str
    """Name of the model that creates it, for people."""
    option: str
    """Command line option that loads this model."""
    is_on_request: bool = False
    """Only sinks that name it publish it; others do not include it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkKind:
    """Declaration of a kind of sink: its class, its texts for help, and what it requires."""

    class_path: str = ""
    """`module:Class`; "" for `KindSink` in `engine/sinks/KIND.py`."""

    help_name: str
    """Its name in help texts, with the article."""
    argument: str
    """Description of the argument after `=`."""
    option: str = ""
    """The kind as the help of `--sink` lists it, with its argument; "": the kind alone."""
    platform: str = ""
    """Required `sys.platform`; "" for any."""
    system: str = ""
    """The platform's name for messages."""
    packages: tuple[tuple[str, str], ...] = ()
    """(module, how to install it) of each module that must be importable."""
    is_on_gpu: bool = False
    """True if it uses textures and holds objects of the GL context; it is reopened for a new
    context."""
    is_named: bool = False
    """True if it shows the picture to other programs under a name; then the run's extra pictures
    are published the same way."""
    writes_files: bool = False
    """True if its argument is a file to write. Over OSC such a sink writes to the recordings folder
    only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundObjects:
    """The messages that subscribers get with every result of a model that finds objects."""

    count: PublishedMessage
    """Their number."""
    each: PublishedMessage
    """One of them, best first."""

    @property
    def best(self) -> str:
        """Address of the first one."""
        return self.each.fixed()[0].address


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One section of the address list, in page order."""

    title: str
    description: str
    params: tuple[Param, ...] = ()
    commands: tuple[Command, ...] = ()
    messages: tuple[PublishedMessage, ...] = ()
    tags: str = ""
    """Search tags for all of its parameters, like `Param.tags`."""
    pictures: tuple[ExtraPicture, ...] = ()
    """Extra pictures of the model that these parameters control."""
    paints_layer5: bool = False
    """The model that these parameters control makes pictures for layer 5."""
    found_objects: FoundObjects | None = None
    """The messages of the model that these parameters control, if it finds objects."""
    order: int = 100
    """For a live model: sort key among them, on the page and in processing, where it sees the
    results of those before it."""
    is_page_per_number: bool = False
    """Control surfaces show the parameters of each number, `/fx/1/...`, on a page of their own."""
    fully_named: tuple[str, ...] = ()
    """First parts of addresses that a pattern must write out to set the parameters below:
    `/sink/*`, not `/*`."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A value ready for the store."""

    value: Value
    """Canonical and in range."""
    note: str = ""
    """How the value was changed: `9 is outside 0..4 (clipped to 4)`. The full line is `f"{address}:
    {note}"`."""


def as_number(value: Value) -> float:
    """The value of a parameter whose type has numbers. TypeError for any other value."""
    if isinstance(value, float | int):
        return value
    raise TypeError(f"{value!r} is no number")
