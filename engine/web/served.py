"""The parts of the engine that its page shows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.control import Dispatcher
from engine.params import Modulation
from engine.params.fade_time import FadeProgress
from engine.params.preset_cache import PresetPicture
from engine.web.preview import PreviewTap

if TYPE_CHECKING:
    import numpy as np

    from engine.control.query import QueryClients, QueryTree


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Everything that a `WebServer` serves. The functions are called on the web thread and must not
    block."""

    taps: Mapping[str, PreviewTap]
    """The available pictures by name: `main` and the run's extra pictures."""
    status: Callable[[], object]
    """Encoded with msgspec."""
    modulation: Callable[[], Modulation]
    """That of the look on screen."""
    fade: Callable[[], FadeProgress | None] = lambda: None
    """The picture fade that runs."""
    waiting: Callable[[], Mapping[str, float]] = dict
    """Faders that have not taken over yet: their positions 0..1 by the parameter's address."""
    preset_pictures: Callable[[], Mapping[str, PresetPicture]] = dict
    shader_pictures: "Callable[[], Mapping[str, np.ndarray]]" = dict
    """Thumbnails, (height, width, 3) uint8, by the shader's name."""
    tree: "QueryTree"
    hub: "QueryClients"
    host_info: Callable[[str, tuple[str, int]], Mapping[str, object]]
    """Called with the address of this machine that the client connected to, and the server's
    listening address."""
    dispatcher: Dispatcher
