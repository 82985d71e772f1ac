"""The protocol of a live model, and the entry by which a run opens one.

The frame loop, the control desk, the page and the sinks know live models through this file only. To add one, write a
folder in `engine/live` with an ENTRY, its tensors in `engine/models`, its schema file and its table in `config.py`,
then add the ENTRY to `engine/live/opening.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from engine.audio import AudioInput
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
"""A condition of `ParamStore.add_condition`: raises Rejected for a value that this run cannot use."""


class LiveModel(Protocol):
    """A model that runs beside the picture in a process of its own, as the frame loop sees it.

    Frame loop's thread, except `supervisor` and `status`, which any thread may use. Only `close` waits.
    """

    @property
    def name(self) -> str:
        """Its option, configuration table, OSC prefix and folder have this name."""
        ...

    @property
    def supervisor(self) -> Supervisor: ...

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[Picture, tuple[int, int]]:
        """The pictures it publishes beside the main one; width and height until the first one comes."""
        ...

    def start(self, snapshot: Snapshot) -> None:
        """Begin to load the model with these values."""
        ...

    def follow(self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]) -> None:
        """Send the parameters that have changed. `values`: this frame's, smoothed and modulated. `moved`: those of the
        snapshot that modulation changes, with their modulated value."""
        ...

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        """Add the newest results to the scene: layer 5, masks, extra pictures."""
        ...

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send the pictures that the child wants, from the finished frame or from the scene."""
        ...

    def describe(self, snapshot: Snapshot) -> list[str]:
        """Lines for the start of a run: the model and how it is run, then hints at what keeps it from being noticed."""
        ...

    def status(self) -> ChildStatus:
        """After `close`: what the child last said of itself."""
        ...

    def ask_to_end(self) -> None:
        """Begin to end, without waiting."""
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
    """Everything that a run has to know of one live model before it is opened."""

    name: str
    no_model: str
    """Why its commands fail in a run without it, and how to get it."""
    not_offline: str
    """Why it does not run offline, and which command does its work on files."""
    is_configured: Callable[[Config], bool]
    open: Callable[[Surroundings], LiveModel]
    """Raises ModelError before anything takes long."""
    conditions: Callable[[Config, Callable[[], bool]], Iterable[tuple[str, Check]]] = lambda config, has_camera: ()
    """`conditions(config, has_camera)`: (address, check) for each parameter that this run may be unable to use."""
    first_values: Callable[[Config], Iterable[tuple[str, Value]]] = lambda config: ()
    """Parameters that the configuration decides at each start."""
    calls: Mapping[str, str] = field(default_factory=dict)
    """OSC command -> name of the call that the child carries out for it."""
    pictures: tuple[ExtraPicture, ...] = ()
    paints_layer5: bool = False
    finds_masks: bool = False
