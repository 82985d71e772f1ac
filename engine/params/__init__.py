"""The values of all parameters at runtime: setting, gliding, modulation, fades and storage.

`store` holds the values and returns one immutable snapshot per frame; `slew` makes them glide;
`modulation` moves them with the sound, the LFOs (`lfo`) and the `tempo`; `crossfade` fades from one
look to another, each of which is drawn by a deck (`decks`); `presets`, `cues` and `autosave` store
values in files; `timecode` and the files beside it say where in the show we are, and `cue_chase`
which cue that starts; `mapping` lets MIDI and other programs set them. The parameters, and the
values they accept, are declared in `osc_schema`.
"""

from engine.params.autosave import Autosave
from engine.params.crossfade import Crossfade
from engine.params.cues import Cue, CueList, cues_text, read_cues
from engine.params.decks import Deck, Decks
from engine.params.modulation import Modulation
from engine.params.preset_file import LoadedPreset
from engine.params.presets import PresetFolder
from engine.params.slew import Slew
from engine.params.store import Change, ParamStore, Snapshot
from engine.params.tempo import Tempo
