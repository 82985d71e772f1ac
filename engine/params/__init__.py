"""The values of all parameters while the engine runs: who set what, how values glide, and how they are kept.

`store` holds the values and hands out one immutable snapshot a frame; `slew` makes them glide; `crossfade` goes from
one look to another, `leaving` keeps the one that goes, `modulation` moves them with the sound, the `lfo`s and the
`tempo`; `presets`, `cues` and `autosave` keep them in files. What a parameter is, and which values it takes, stands in
`osc_schema`.
"""

from engine.params.autosave import Autosave
from engine.params.crossfade import Crossfade
from engine.params.cues import Cue, CueList, read_cues, write_cues
from engine.params.leaving import LeavingLook
from engine.params.modulation import Modulation
from engine.params.preset_file import LoadedPreset
from engine.params.presets import PresetFolder
from engine.params.slew import Slew
from engine.params.store import Change, ParamStore, Snapshot
from engine.params.tempo import Tempo

__all__ = [
    "Autosave",
    "Change",
    "Crossfade",
    "Cue",
    "CueList",
    "LeavingLook",
    "LoadedPreset",
    "Modulation",
    "ParamStore",
    "PresetFolder",
    "Slew",
    "Snapshot",
    "Tempo",
    "read_cues",
    "write_cues",
]
