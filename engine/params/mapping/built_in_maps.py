"""Maps that come with the engine, as they would stand in a file.

`resolume`: what Resolume Arena and Avenue 7 send when their OSC output is set to "Output All OSC Messages". Numbers
come normalised to 0..1 whatever their unit (Resolume's manual, "OSC"); the tempo is 20..500 beats a minute on that way.
Layers 1 to 4 are ours, with Resolume's 100 % as intensity 1; a clip that starts in a layer shows it, clearing the layer
takes it out; the crossfader mixes layer 5 in; columns are cues. Resolume's faders may jump (a clip, an autopilot, a
mouse), so none of them waits to be picked up.

A clip tells two things: `connect`, the mouse that presses it, and `connected`, its state: 0 empty, 1 stopped, 2
previewed, 3 playing, 4 both. Only the state tells of a clip that was started by an autopilot, a column or a deck. Of a
clip that follows another in a layer the new state may come before the old clip's or after it, and the old one stays 3
until it is faded out. So the layer is shown when any clip of it becomes 3 or 4, and a clip that stops changes nothing.

`resolume:5` takes Resolume's layers 5 to 8 for ours, `resolume:group2` its groups 2 to 5, and `resolume:selected` the
layer that is selected there for our layer 1. Resolume tells the selected layer's movements under its own number too.

Sources: a capture of Arena 7.23.2 (ShowMeshSystems/showmesh, docs/bench/resolume-control-surface.md, sections 2.6, 4.3,
6.3 and 7), and the addresses that bitfocus/companion-module-resolume-arena sends (src/actions).
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from engine.errors import MappingError
from engine.params.mapping.entry import MapEntry, make_entry

Tables = tuple[dict[str, Any], ...]

LAYERS = (1, 2, 3, 4)
COLUMNS = range(1, 9)
TEMPO_BPM = (20.0, 500.0)
OUR_FASTEST_BPM = 300.0
PLAYING = {"in_low": 2.0, "in_high": 4.0}  # of a clip's state: 3 and 4 are its upper half
COLUMN_PLAYING = {"in_low": 1.0, "in_high": 2.0}  # of a group's column: empty, stopped, playing

RESOLUME_ROOTS: Final = frozenset(
    {"composition", "application", "audiodevicemanager", "smptecontroller"}
    # Without a root, or quite without an address: seen in the capture, nobody knows why.
    | {"", "name", "colorid", "beatsnap", "cliptarget", "ignorecolumntrigger"}
)
"""First parts of what Resolume sends."""

_PLACE = re.compile(r"(|group)([1-9][0-9]{0,2})")


class ResolumePlace(NamedTuple):
    """Which of Resolume's layers are ours."""

    kind: str
    """`layers`, `groups` or `selectedlayer`."""
    first: int

    def at(self, n: int) -> str:
        """Where our layer `n` is there."""
        base = f"/composition/{self.kind}"
        return base if self.kind == "selectedlayer" else f"{base}/{self.first + n - 1}"

    @property
    def our_layers(self) -> tuple[int, ...]:
        return LAYERS[:1] if self.kind == "selectedlayer" else LAYERS


FIRST_FOUR: Final = ResolumePlace("layers", 1)
SELECTED: Final = ResolumePlace("selectedlayer", 1)


def read_place(text: str) -> ResolumePlace:
    """`5`, `group2` or `selected`. MappingError says what may stand there."""
    if text == "selected":
        return SELECTED
    found = _PLACE.fullmatch(text)
    if found is None:
        raise MappingError(f"map resolume: {text!r} is none of 1..999, group1..group999 and selected")
    return ResolumePlace("groups" if found[1] else "layers", int(found[2]))


@lru_cache(maxsize=64)
def resolume(place: ResolumePlace) -> Tables:
    """The map for these layers."""
    return (
        *(entry for n in place.our_layers for entry in _resolume_layer(place, n)),
        *(
            {"control": "osc /composition/disconnectall", "target": f"/layer/{n}/mute", "mode": "trigger"}
            for n in place.our_layers
        ),
        {"control": "osc /composition/crossfader/phase", "target": "/layer/5/intensity", "takeover": False},
        {"control": "osc /composition/master", "target": "/master/fade", "takeover": False},
        {"control": "osc /composition/bypassed", "target": "/master/blackout"},
        *({"control": f"osc /composition/columns/{n}/connect", "target": f"/cue/{n}"} for n in COLUMNS),
        {"control": "osc /composition/tempocontroller/tempotap", "target": "/tempo/tap"},
        {"control": "osc /composition/tempocontroller/resync", "target": "/tempo/reset"},
        {
            "control": "osc /composition/tempocontroller/tempo",
            "target": "/tempo/bpm",
            "in_high": (OUR_FASTEST_BPM - TEMPO_BPM[0]) / (TEMPO_BPM[1] - TEMPO_BPM[0]),
            "takeover": False,
        },
    )


def _resolume_layer(place: ResolumePlace, n: int) -> Tables:
    theirs, ours = f"osc {place.at(n)}", f"/layer/{n}"
    opacity = {"target": f"{ours}/intensity", "high": 1.0, "takeover": False}
    shown = {"target": f"{ours}/mute", "high": False}
    common = (
        {"control": f"{theirs}/video/opacity", **opacity},
        {"control": f"{theirs}/master", **opacity},
        {"control": f"{theirs}/bypassed", "target": f"{ours}/mute"},
        {"control": f"{theirs}/solo", "target": f"{ours}/solo"},
    )
    if place.kind == "groups":
        return (
            *common,
            {"control": f"{theirs}/disconnectlayers", "target": f"{ours}/mute", "mode": "trigger"},
            {"control": f"{theirs}/columns/*/connect", "mode": "trigger", **shown},
            {"control": f"{theirs}/columns/*/connected", "mode": "rise", **COLUMN_PLAYING, **shown},
        )
    return (
        *common,
        {"control": f"{theirs}/clear", "target": f"{ours}/mute", "mode": "trigger"},
        {"control": f"{theirs}/clips/*/connect", "mode": "trigger", **shown},
        {"control": f"{theirs}/clips/*/connected", "mode": "rise", **PLAYING, **shown},
    )


BUILT_IN: Final[dict[str, Tables]] = {"resolume": resolume(FIRST_FOUR)}


def is_built_in(name: str) -> bool:
    return name.partition(":")[0].casefold() in BUILT_IN


def built_in(name: str) -> Tables:
    """The map `resolume`, or `resolume:5`. MappingError where what follows the colon can be no layer."""
    _, colon, text = name.casefold().partition(":")
    return resolume(read_place(text)) if colon else BUILT_IN[name.casefold()]


def map_of_root(root: str) -> str | None:
    """The built-in map of the program whose addresses begin with that part; None where there is none."""
    return "resolume" if root == "composition" else None


def belongs_to_mapped_program(root: str, is_mapped: Callable[[str], bool]) -> bool:
    """Whether a program sends this first part of an address beside another that is mapped."""
    return root in RESOLUME_ROOTS and is_mapped("composition")


_LAYER = re.compile(r"/composition/(?:(layers|groups)/([1-9]\d{0,5})|selectedlayer|disconnectall)(?=/|\Z)")
_OURS = re.compile(r"/layer/(\d)/")


def is_from(name: str, entry: MapEntry) -> bool:
    """Whether an entry is as some placement of that built-in map made it: loading another takes its place."""
    theirs, ours = _LAYER.match(entry.control.place), _OURS.match(entry.target)
    if name.partition(":")[0].casefold() != "resolume" or theirs is None or ours is None:
        return False
    if theirs[1]:
        place = ResolumePlace(theirs[1], int(theirs[2]) - int(ours[1]) + 1)
    else:
        place = SELECTED if "selected" in theirs[0] else FIRST_FOUR
    return place.first >= 1 and entry in _entries(place)


@lru_cache(maxsize=64)
def _entries(place: ResolumePlace) -> frozenset[MapEntry]:
    return frozenset(make_entry(table) for table in resolume(place))
