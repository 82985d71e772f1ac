"""The protocol of a live model, and the entry by which a run finds one.

The frame loop, the control hub, the page, the sinks and the command line use live models only
through this file. A model is a folder of `engine/live`, or a package of its own, with an ENTRY and
an AREA that its pyproject.toml names (`osc_schema/plugins.py`). The file with an ENTRY is read
whenever a program starts, also without a run: at its top it imports osc_schema, msgspec and this
file, and the rest where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from msgspec import Meta, Struct, convert

from engine.system.run_option import option as option
from osc_schema.types import Value

if TYPE_CHECKING:
    from engine.audio.input import AudioInput
    from engine.children.spec import ChildStatus
    from engine.children.supervisor import Supervisor
    from engine.config import Config
    from engine.ipc import Gate
    from engine.live.kit.scene import Scene
    from engine.params import ParamStore, Snapshot
    from engine.params.fade_time import ReadPulse
    from engine.sinks.sink import PictureName
    from engine.sources.source import Source
    from engine.system.clock import Clock
    from engine.system.reporting import Report
    from engine.values import PublishedFrame, UpcomingValues

ListEntry = tuple[str, str, bool]
"""The key that chooses an item of a list, its title, and True if it is in use."""
Check = Callable[[Value], None]
"""A condition for `ParamStore.add_condition`: raises Rejected for a value that this run cannot
use."""


class LiveModel(Protocol):
    """A model that runs in its own process alongside the picture: the interface that the frame loop
    uses.

    Render thread, except `supervisor` and `status`, which any thread may use. Only `close`
    waits."""

    @property
    def name(self) -> str:
        """Name of its option, configuration table, OSC prefix and folder."""
        ...

    @property
    def supervisor(self) -> Supervisor: ...

    def extra_pictures(self, snapshot: Snapshot) -> Mapping[PictureName, tuple[int, int]]:
        """The pictures it publishes beside the main one, with the width and height until the first
        one arrives."""
        ...

    def start(self, snapshot: Snapshot) -> None:
        """Start loading the model with these values."""

    def follow(
        self, snapshot: Snapshot, values: Mapping[str, object], moved: Mapping[str, float]
    ) -> None:
        """Send the parameters that have changed. `values`: this frame's values, smoothed and
        modulated. `moved`: only the modulated parameters, with their modulated values."""

    def show(self, scene: Scene, values: Mapping[str, object], now_s: float) -> None:
        """Add the newest results to the scene: layer 5, masks, extra pictures."""

    def feed(self, frame: PublishedFrame, scene: Scene, now_s: float) -> None:
        """Send the pictures that the child requests, from the finished frame or from the scene."""

    def describe(self, snapshot: Snapshot) -> list[str]:
        """Lines for the start of a run: the model and how it is run, then hints at what keeps it
        from being noticed."""
        ...

    def status(self) -> ChildStatus:
        """Status of the child; after `close`, the last one that it sent."""
        ...

    def ask_to_end(self) -> None:
        """Ask the child to stop, without waiting for it."""

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The parts of the engine that a live model connects to."""

    config: Config
    audio: AudioInput
    has_camera: Callable[[], bool]
    gate: Gate
    notify: Callable[..., None]
    """`notify(address, *arguments)` sends an OSC message to every subscriber."""
    store: ParamStore
    clock: Clock
    report: Report
    open_video: Callable[[str], Source | None]
    """Opens and starts a video or picture file; None for "". Closed by the run."""
    coming: Callable[[float], list[UpcomingValues]]
    """`coming(within_s)`: the values that wait for a beat within that time. Render thread."""
    pulse: ReadPulse
    """The beat of the newest frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRequest:
    """The state of a run that the entries of a list may depend on."""

    table: Any
    """The model's own."""
    value: Callable[[str], Value]
    facts: Mapping[str, object]
    """The facts that the child has reported; empty while there is none."""

    def models(self, address: str, titles: Iterable[tuple[str, str]]) -> Iterator[ListEntry]:
        """List the configured model, then those with these keys and titles; the value of this
        parameter is marked."""
        now = self.value(address)
        yield "", f"as configured: {Path(self.table.model).name or 'none'}", not now
        for key, title in titles:
            yield key, title, key == now


class ModelTable(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A live model's table in the configuration. What can change while running is a parameter
    instead."""

    model: Annotated[str, option("Load this live model.", "MODEL")] = ""
    """"" for none: the model is not loaded."""


class DeviceTable(ModelTable, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table of a model that runs on a device of torch."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: Annotated[int, Meta(ge=1, le=64)] = 1
    """CPU threads of the child."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveEntry:
    """Everything that a run needs to know about a live model before it is opened. `table`: the
    model's own."""

    name: str
    """Name of its option, configuration table, OSC prefix and entry points."""
    title: str
    """Name for people."""
    table: type[ModelTable] = ModelTable
    no_model: str
    """Error text for its commands in a run without it: the reason and the next step."""
    not_offline: str
    """Why it does not run offline, and which command does the same on files."""
    opened_by: str = "engine.live.kit.repainting:RepaintingModel"
    """`module:function`, called as `function(entry, around)`: the LiveModel. ModelError before
    anything slow."""
    paint: str = ""
    """`module:function` of a RepaintingModel; other models need none."""
    conditions: Callable[[Any, Callable[[], bool]], Iterable[tuple[str, Check]]] = (
        lambda table, has_camera: ()
    )
    """`conditions(table, has_camera)`: an (address, check) pair for each parameter that may have
    unusable values in this run, besides `/NAME/enable`."""
    first_values: Callable[[Any], Iterable[tuple[str, Value]]] = lambda table: ()
    """Initial values of parameters that come from the table, besides `/NAME/enable`."""
    implied: Callable[[Mapping[str, Any], Mapping[str, Any]], Mapping[str, Any]] = (
        lambda options, file: {}
    )
    """`implied(options, file)`: settings that follow from the options given, by key (`NAME.index`,
    `params./NAME/gain`), and from the configuration file. An option overrides them."""
    lists: Mapping[str, str] = field(default_factory=dict)
    """AT -> `module:function`, called as `function(AT, request)` with a ListRequest: the entries of
    the command AT/list, that is all that can be chosen. It may read the disk."""
    calls: Mapping[str, str] = field(default_factory=dict)
    """OSC command -> name of the command sent to the child."""

    def __post_init__(self) -> None:
        # raises for a table that cannot be read, or not be left out of the configuration
        convert({}, self.table)
