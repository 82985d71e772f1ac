"""What a declaration is made of: Param, Command, and what `accept()` gives back.

Canonical values, one Python type a parameter type:
FLOAT, STOPS -> float · INT -> int · BOOL, TRIGGER -> bool · MENU, TEXT, FILE -> str
COLOUR -> (red, green, blue, alpha), floats 0..1
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Value = float | int | bool | str | tuple[float, float, float, float]


class Rejected(ValueError):
    """A value, address or pattern that cannot be used; `str()` is one line: which, why, what is allowed."""


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
Scale = Literal["linear", "exponential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Param:
    """One thing that can be set. The helpers in `declare` fill in what follows from the type."""

    address: str
    type: ParamType
    default: Value
    low: float
    """Smallest value; for TEXT and FILE the fewest characters; for MENU 0."""
    high: float
    """Largest value, itself allowed; for TEXT and FILE the most characters; for MENU the last index."""
    step: int = 1
    """Of an INT: only multiples of it are values; what lies between is rounded."""
    unit: str = ""
    description: str
    out_of_range: OutOfRange = "reject"
    smoothing_ms: float = 0.0
    """Time constant of the one-pole glide to a new value: 63 % of the way after this long. 0: at once."""
    scale: Scale = "linear"
    """exponential: equal steps of a control multiply by equal factors; glides run in the logarithm."""
    menu: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    """Names of the values 0, 1, 2, ... of a STOPS parameter; between them the two neighbours are mixed."""
    stored: bool = True
    """Presets hold it."""
    is_look: bool = True
    """/master/panic returns it to its default."""
    resumed: bool = True
    """The autosave that `--resume` reads holds it."""
    child: str | None = None
    """Which child process is told of it; None: the engine itself."""
    words: str = ""
    """What else people call it, apart by blanks: a search for one of these words finds it."""
    is_confirmed: bool = False
    """A surface sends it only when its user says so: each value costs a hiccup, such as another size of the picture."""

    @property
    def can_glide(self) -> bool:
        """Whether a smoothing time means anything: numbers that are not whole, except the engine's own rate."""
        return self.type in (ParamType.FLOAT, ParamType.STOPS) and self.area != "engine"

    @property
    def area(self) -> str:
        """First part of the address: `layer` of `/layer/1/angle`."""
        return self.address.split("/", 2)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    name: str
    type: Literal["s", "i", "f"]
    """OSC type tag that documents it best; the handler takes whatever means the same."""
    is_optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A verb: it is carried out once and answers. It has no value, is in no preset and matches no pattern."""

    address: str
    arguments: tuple[Argument, ...] = ()
    description: str
    replies: tuple[str, ...] = ()
    """Each reply as a patcher will see it: address, then the arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraPicture:
    """A picture that a run may publish beside the main one, as people read of it."""

    name: str
    """As sinks are asked for it: `sd` of `sd:record`."""
    addition: str
    """Appended to the main picture's name."""
    model: str
    """The model it comes from."""
    option: str
    """The option that gives a run this model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One section of the address list, in page order."""

    title: str
    description: str
    params: tuple[Param, ...] = ()
    commands: tuple[Command, ...] = ()
    words: str = ""
    """As `Param.words`, for all of its parameters."""
    pictures: tuple[ExtraPicture, ...] = ()
    """Extra pictures of the model that these parameters control."""
    fully_named: tuple[str, ...] = ()
    """First parts of addresses that a pattern must write out to set what is below them: `/sink/*`, not `/*`."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A value ready for the store."""

    value: Value
    """Canonical and in range."""
    note: str = ""
    """What was changed, `9 is outside 0..4 (clipped to 4)`; the full line is `f"{address}: {note}"`."""
