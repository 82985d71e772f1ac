"""The parts of a run that a live model connects to."""

from typing import Any

from engine.config import Config
from engine.ipc import Gate
from engine.live.kit.live_model import Surroundings
from engine.params import ParamStore
from engine.params.fade_time import Pulse
from engine.system.clock import SteppedClock


def surroundings(gate: Gate, report: Any, **others: Any) -> Surroundings:
    """Without sound, camera and video; `others` replace parts."""
    parts: dict[str, Any] = {
        "config": Config(width=64, height=48),
        "audio": None,
        "has_camera": lambda: False,
        "notify": lambda *message: None,
        "store": ParamStore(),
        "clock": SteppedClock(),
        "open_video": lambda name: None,
        "coming": lambda within_s: [],
        "pulse": Pulse,
    }
    return Surroundings(gate=gate, report=report, **parts | others)
