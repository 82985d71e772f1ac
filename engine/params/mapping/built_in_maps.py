"""Built-in maps, in the same form as in a file.

`resolume`: for Resolume Arena and Avenue 7 with the OSC output set to "Output All OSC Messages".
All numbers are 0..1 (Resolume's manual, "OSC"); the tempo is 20..500 on that scale. Resolume's
layers 1 to 4 control ours, with 100 % as intensity 1; a clip that starts in a layer shows it,
clearing the layer hides it; the crossfader mixes layer 5 in; columns start cues. Its faders may
jump (a clip, an autopilot, a mouse), so they have no takeover.

Only a clip's `connected` (0 empty, 1 stopped, 2 previewed, 3 playing, 4 both) reports one started
by an autopilot, a column or a deck. The state of the old clip in a layer may arrive before or after
that of the new one. So a layer is shown when any of its clips becomes 3 or 4, and a clip that stops
changes nothing.

`resolume:5` uses Resolume's layers 5 to 8, `resolume:group2` its groups 2 to 5, `resolume:selected`
its selected layer for our layer 1. `fixture:5.101`: the engine as a fixture of a lighting desk,
from channel 101 of universe 5.

Sources: a capture of Arena 7.23.2 (ShowMeshSystems/showmesh,
docs/bench/resolume-control-surface.md, sections 2.6, 4.3, 6.3 and 7), and the addresses that
bitfocus/companion-module-resolume-arena sends (src/actions).
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

from engine.errors import UsageError
from engine.params.mapping.controls import DMX
from engine.params.mapping.entry import MapEntry, make_entry
from osc_schema.fixture import CHANNELS

Tables = tuple[dict[str, Any], ...]

LAYERS = (1, 2, 3, 4)
COLUMNS = range(1, 9)
TEMPO_BPM = (20.0, 500.0)
OUR_MAX_BPM = 300.0
PLAYING = {"in_low": 2.0, "in_high": 4.0}  # states 3 and 4 of a clip count as pressed
# states of a group's column: empty, stopped, playing
COLUMN_PLAYING = {"in_low": 1.0, "in_high": 2.0}

RESOLUME_ROOTS: Final = frozenset(
    {"composition", "application", "audiodevicemanager", "smptecontroller"}
    # Addresses without the root, or empty: found in the capture, reason unknown.
    | {"", "name", "colorid", "beatsnap", "cliptarget", "ignorecolumntrigger"}
)
"""First address parts of the messages from Resolume."""

_LAYERS = re.compile(r"(|group)([1-9][0-9]{0,2})")
_FIXTURE_ADDRESS = re.compile(r"([0-9]{1,5})\.([0-9]{1,3})")
LAST_ADDRESS: Final = 512 + 1 - len(CHANNELS)

_LAYER = re.compile(
    r"/composition/(?:(layers|groups)/([1-9]\d{0,5})|selectedlayer|disconnectall)(?=/|\Z)"
)
_LEVEL = re.compile(rf"/{DMX}/([0-9]{{1,5}})/([0-9]{{1,3}})")
_OURS = re.compile(r"/layer/(\d)/")


class ResolumeLayers(NamedTuple):
    """The layers of Resolume that control ours."""

    kind: str
    """`layers`, `groups` or `selectedlayer`."""
    first: int

    def at(self, n: int) -> str:
        """The address in Resolume of our layer `n`."""
        base = f"/composition/{self.kind}"
        return base if self.kind == "selectedlayer" else f"{base}/{self.first + n - 1}"

    @property
    def our_layers(self) -> tuple[int, ...]:
        return LAYERS[:1] if self.kind == "selectedlayer" else LAYERS


FIRST_FOUR: Final = ResolumeLayers("layers", 1)
SELECTED: Final = ResolumeLayers("selectedlayer", 1)


def parse_layers(text: str) -> ResolumeLayers:
    """Parse `5`, `group2` or `selected`. Raises UsageError for anything else."""
    if text == "selected":
        return SELECTED
    found = _LAYERS.fullmatch(text)
    if found is None:
        raise UsageError(f"map resolume: {text!r} is not one of 1..999, group1..group999, selected")
    return ResolumeLayers("groups" if found[1] else "layers", int(found[2]))


@lru_cache(maxsize=64)
def resolume(layers: ResolumeLayers) -> Tables:
    """The entries of the map for Resolume that control these layers."""
    return (
        *(entry for n in layers.our_layers for entry in _resolume_layer(layers, n)),
        *(
            {
                "control": "osc /composition/disconnectall",
                "target": f"/layer/{n}/mute",
                "mode": "trigger",
            }
            for n in layers.our_layers
        ),
        {
            "control": "osc /composition/crossfader/phase",
            "target": "/layer/5/intensity",
            "takeover": False,
        },
        {"control": "osc /composition/master", "target": "/master/fade", "takeover": False},
        {"control": "osc /composition/bypassed", "target": "/master/blackout"},
        *(
            {"control": f"osc /composition/columns/{n}/connect", "target": f"/cue/{n}"}
            for n in COLUMNS
        ),
        {"control": "osc /composition/tempocontroller/tempotap", "target": "/tempo/tap"},
        {"control": "osc /composition/tempocontroller/resync", "target": "/tempo/reset"},
        {
            "control": "osc /composition/tempocontroller/tempo",
            "target": "/tempo/bpm",
            "in_high": (OUR_MAX_BPM - TEMPO_BPM[0]) / (TEMPO_BPM[1] - TEMPO_BPM[0]),
            "takeover": False,
        },
    )


def _resolume_layer(layers: ResolumeLayers, n: int) -> Tables:
    theirs = f"osc {layers.at(n)}"
    ours = f"/layer/{n}"
    opacity = {"target": f"{ours}/intensity", "high": 1.0, "takeover": False}
    unmute = {"target": f"{ours}/mute", "high": False}
    common = (
        {"control": f"{theirs}/video/opacity", **opacity},
        {"control": f"{theirs}/master", **opacity},
        {"control": f"{theirs}/bypassed", "target": f"{ours}/mute"},
        {"control": f"{theirs}/solo", "target": f"{ours}/solo"},
    )
    if layers.kind == "groups":
        return (
            *common,
            {"control": f"{theirs}/disconnectlayers", "target": f"{ours}/mute", "mode": "trigger"},
            {"control": f"{theirs}/columns/*/connect", "mode": "trigger", **unmute},
            {
                "control": f"{theirs}/columns/*/connected",
                "mode": "rise",
                **COLUMN_PLAYING,
                **unmute,
            },
        )
    return (
        *common,
        {"control": f"{theirs}/clear", "target": f"{ours}/mute", "mode": "trigger"},
        {"control": f"{theirs}/clips/*/connect", "mode": "trigger", **unmute},
        {"control": f"{theirs}/clips/*/connected", "mode": "rise", **PLAYING, **unmute},
    )


def read_fixture(text: str) -> tuple[int, int]:
    """Universe and channel of `5.101`. Raises UsageError."""
    found = _FIXTURE_ADDRESS.fullmatch(text)
    if found is None or int(found[1]) > 63_999 or not 1 <= int(found[2]) <= LAST_ADDRESS:
        raise UsageError(
            f"fixture {text!r} is not UNIVERSE.ADDRESS, such as 1.101; the address is "
            f"1..{LAST_ADDRESS}, because "
            f"{len(CHANNELS)} channels follow"
        )
    return int(found[1]), int(found[2])


@lru_cache(maxsize=64)
def fixture(universe: int, address: int) -> Tables:
    """The entries of the map for a fixture at this universe and channel."""
    return tuple(
        {
            "control": f"osc /{DMX}/{universe}/{address + offset}",
            "target": channel.address,
            "mode": "fader",
        }
        for offset, channel in enumerate(CHANNELS)
        if channel.param is not None
    )


BUILT_IN: Final[dict[str, Tables]] = {"resolume": resolume(FIRST_FOUR), "fixture": fixture(1, 1)}


def is_built_in(name: str) -> bool:
    return name.partition(":")[0].casefold() in BUILT_IN


def built_in(name: str) -> Tables:
    """The entries of `resolume`, `resolume:5`, `fixture:1.101`. Raises UsageError for an invalid
    name."""
    kind, colon, text = name.casefold().partition(":")
    if kind == "fixture" and colon:
        return fixture(*read_fixture(text))
    return resolume(parse_layers(text)) if colon else BUILT_IN[name.casefold()]


def map_of_root(root: str, is_mapped: Callable[[str], bool]) -> str | None:
    """The built-in map with addresses that begin with `root`, or None; "" if the program that sends
    it has some mapped. `is_mapped(root)`: True if one with this beginning is."""
    if is_mapped(root) or (root in RESOLUME_ROOTS and is_mapped("composition")):
        return ""
    return "resolume" if root == "composition" else None


def is_from(name: str, entry: MapEntry) -> bool:
    """True if the entry is from this built-in map with any suffix, so that loading it again
    replaces the entry."""
    if name.partition(":")[0].casefold() == "fixture":
        return _is_of_fixture(entry)
    theirs = _LAYER.match(entry.control.source)
    ours = _OURS.match(entry.target)
    if name.partition(":")[0].casefold() != "resolume" or theirs is None or ours is None:
        return False
    if theirs[1]:
        layers = ResolumeLayers(theirs[1], int(theirs[2]) - int(ours[1]) + 1)
    else:
        layers = SELECTED if "selected" in theirs[0] else FIRST_FOUR
    return layers.first >= 1 and entry in _entries(layers)


def _is_of_fixture(entry: MapEntry) -> bool:
    address = _LEVEL.fullmatch(entry.control.source)
    offset = next(
        (at for at, channel in enumerate(CHANNELS) if channel.address == entry.target), None
    )
    if address is None or offset is None or not 1 <= int(address[2]) - offset <= LAST_ADDRESS:
        return False
    return entry in (
        make_entry(table) for table in fixture(int(address[1]), int(address[2]) - offset)
    )


@lru_cache(maxsize=64)
def _entries(layers: ResolumeLayers) -> frozenset[MapEntry]:
    return frozenset(make_entry(table) for table in resolume(layers))
