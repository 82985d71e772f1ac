"""multiverse: four audio channels become a picture, played live over OSC.

As a library:

    from engine import Config, open_engine
    with open_engine(Config(width=1280, height=720, fps=30, audio="demo", sinks=("null",))) as eng:
        for frame in eng.frames(count=60):
            print(frame.index, frame.features[0].pitch_hz)

Importing this package loads nothing: no GL, no torch, no threads. Start reading at `engine/app.py`.
"""

from typing import TYPE_CHECKING

from engine.system.lazy_names import lazy_names

if TYPE_CHECKING:
    from engine.app import open_engine
    from engine.config import Config
    from engine.engine import Engine
    from engine.errors import MultiverseError

_HOMES = {
    "app": ("open_engine",),
    "config": ("Config",),
    "engine": ("Engine",),
    "errors": ("MultiverseError",),
}
__all__ = ["Config", "Engine", "MultiverseError", "open_engine"]
__getattr__ = lazy_names(__name__, _HOMES)
