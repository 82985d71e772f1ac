"""The values of all parameters while the engine runs: who set what, how values glide, and how they are kept.

`store` holds the values and hands out one immutable snapshot a frame; `slew` makes them glide; `presets` and
`autosave` keep them in files. What a parameter is, and which values it takes, stands in `osc_schema`.
"""

from engine.params.autosave import Autosave
from engine.params.preset_file import LoadedPreset
from engine.params.presets import PresetFolder
from engine.params.slew import Slew
from engine.params.store import Change, ParamStore, Snapshot

__all__ = ["Autosave", "Change", "LoadedPreset", "ParamStore", "PresetFolder", "Slew", "Snapshot"]
