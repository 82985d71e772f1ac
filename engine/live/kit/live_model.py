"""The protocol of a live model, and the table entry from which a run opens one.

The frame loop, the control desk, the page and the sinks use live models only through this file. To add one, write a
folder in `engine/live` with an ENTRY, its tensors in `engine/models`, its schema file and its table in `config.py`,
then add the ENTRY to `engine/live/opening.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.audio.input import AudioInput
from engine.children.spec import ChildStatus
from engine.children.supervisor import Supervisor
from engine.config import Config
from engine.ipc import Gate
from engine.live.kit.scene import Scene
from engine.params import ParamStore, Snapshot
from engine.sinks import Picture
from engine.sources import Source
from engine.system.clock import Clock
from engine.system.reporting import Report
from engine.values import PublishedFrame
from osc_schema import ExtraPicture, Value

Check = Callable[[Value], None]
"""A condition for `ParamStore.add_condition`: raises Rejected for a value that this run cannot use."""


class LiveModel(Protocol):
    """A model that runs in its own process alongside the picture: the interface that the frame loop uses.

    Frame loop's thread, except `supervisor` and `status`, which any thread may use. Only `close` waits.
    """

    @property
    def name(self) -> str:
        """Name of its option, configuration table, OSC prefix and folder."""
        ...

    @property
    def supervisor(self) -> Supervisor: ...

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[Picture, tuple[int, int]]:
        """The pictures it publishes in addition to the main one, with the width and height used until the first one
        arrives."""
        ...

    def start(self, snapshot: Snapshot) -> None:
        """Start loading the model with these values."""
        ...

    def follow(self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]) -> None:
        """Send the parameters that have changed. `values`: this frame's values, smoothed and modulated. `moved`: only
        the modulated parameters, with their modulated values."""
        ...

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        """Add the newest results to the scene: layer 5, masks, extra pictures."""
        ...

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send the pictures that the child asks for, from the finished frame or from the scene."""
        ...

    def describe(self, snapshot: Snapshot) -> list[str]:
        """Lines for the start of a run: the model and how it is run, then hints at what keeps it from being noticed."""
        ...

    def status(self) -> ChildStatus:
        """Status of the child; after `close`, the last one that it sent."""
        ...

    def ask_to_end(self) -> None:
        """Ask the child to stop, without waiting for it."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The parts of the engine that a live model connects to."""

    config: Config
    audio: AudioInput
    has_camera: Callable[[], bool]
    gate: Gate
    tell: Callable[..., None]
    """`tell(address, *arguments)` sends an OSC message to every subscriber."""
    store: ParamStore
    clock: Clock
    report: Report
    open_video: Callable[[str], Source | None]
    """Opens and starts a video or picture file; None for "". Closed by the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEntry:
    """Everything that a run needs to know about a live model before it is opened."""

    name: str
    no_model: str
    """Error text for its commands in a run without it: the reason and the next step."""
    not_offline: str
    """Why it does not run offline, and which command does the same on files."""
    is_configured: Callable[[Config], bool]
    open: Callable[[Surroundings], LiveModel]
    """Raises ModelError early, before anything slow."""
    conditions: Callable[[Config, Callable[[], bool]], Iterable[tuple[str, Check]]] = lambda config, has_camera: ()
    """`conditions(config, has_camera)`: an (address, check) pair for each parameter that may have unusable values in
    this run."""
    first_values: Callable[[Config], Iterable[tuple[str, Value]]] = lambda config: ()
    """Initial values of parameters that come from the configuration."""
    calls: Mapping[str, str] = field(default_factory=dict)
    """OSC command -> name of the command sent to the child."""
    pictures: tuple[ExtraPicture, ...] = ()
