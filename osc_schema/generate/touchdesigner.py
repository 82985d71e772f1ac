"""TouchDesigner's parameter pages: one custom parameter per parameter, from the declarations or
from OSCQuery.

The text of this file is embedded in the component, which also uses it to fit the pages to the
running engine. So it imports the standard library only, and a parameter is a plain mapping here
(`Leaf`).

TouchDesigner accepts parameter names made of an upper-case letter followed by lower-case letters
and digits. Its manual advises fewer than 12 characters, preferably 10: longer names are legal but
unreadable in the parameter dialog (docs.derivative.ca/Custom_Parameters). A name here is a pure
function of the address; each word is used whole or as in `SHORT_WORDS`. So it does not change when
parameters are added or removed, and a patch with `par.L1angle` keeps working.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Leaf = Mapping[str, Any]
"""address, type, default, low, high, step, unit, description, out_of_range, scale, menu, stops,
area_title."""

SHORT_WORDS = {
    # First parts of common addresses: L1angle, A2gaindb, Mvblend, Mfade, Pbloom.
    "layer": "l",
    "audio": "a",
    "multiverse": "mv",
    "master": "m",
    "post": "p",
    "text": "t",
    # A whole part of an address.
    "autopilot": "auto",
    "beats_a_bar": "meter",
    "detect_every": "detnth",
    "memories": "memory",
    "quantise": "quant",
    "bloom_radius": "bloomrad",
    "bloom_threshold": "bloomthr",
    "crossfader": "xfade",
    "take_fade": "take",
    "strobe": "st",
    "crossfade_s": "xfade",  # without its s, which would look like a plural
    "duty_auto": "dtyauto",
    "earlier": "early",
    "flash_guard": "flash",
    "generator": "gen",
    "hands_off": "pause",
    "transition": "tr",
    "midi_out": "mout",
    "flywheel_s": "flywheel",
    "go_pause_s": "gopause",
    "gpu_retrieval": "gpuretr",
    "hue_offset": "hueofs",
    "index_rate": "idxrate",
    "input_channel": "inchan",
    "interface": "iface",
    "interval_s": "intvl",
    "ip_adapter": "ipa",
    "late_ms": "late",
    "ltc_channel": "ltcchan",
    "mask_edge": "edge",
    "offset_ms": "ofs",
    "release_ms": "release",  # not rel, which would look like relative
    "pitch_auto": "autopit",
    "pitch_target_hz": "pithz",
    "retrieval_power": "retrpow",
    "number": "num",
    "serpentine": "snake",
    "start_stop_sync": "stsync",
    "sync_packets": "sync",
    "tempo_sync": "sync",
    "fullscreen": "fullscr",
    "window_ms": "windowms",  # older than the short form of window
    # A single word anywhere in an address.
    "background": "bg",
    "brightness": "bright",
    "colour": "col",
    "contour": "ctr",
    "controlnet": "cn",
    "crossfade": "xfade",
    "engine": "eng",
    "fallback": "fallbk",
    "features": "feat",
    "feedback": "fb",
    "objects": "obj",
    "outline": "outl",
    "profiling": "profile",
    "record": "rec",
    "region": "rgn",
    "resolution": "res",
    "segments": "segs",
    "shared": "share",
    "similarity": "sim",
    "sink": "",  # Spoutname, Recfile
    "snapshot": "snap",
    "syphon": "syph",
    "timecode": "tc",
    "threshold": "thresh",
    "guidance_begin": "guidfrom",
    "guidance_end": "guidto",
    "virtualcam": "vcam",
    "consistency": "consist",
    "consistency_reset": "consrst",
    "prompts": "pr",
    "travel": "trv",
    "position": "pos",
    "weight": "wt",
    "window": "win",
}
"""Add lines for new addresses; never change a line, because people have these names in saved
patches."""
SHORT_PREFIXES = {
    "/mod/10/": "/moda/",
    "/mod/11/": "/modb/",
    "/mod/12/": "/modc/",
    **{
        f"/output/{n}/{part}/": f"/o{n}{short}/"
        for n in (1, 2)
        for part, short in (("crop", "crp"), ("blend", "bld"))
    },
    "/output/": "/o/",
}
"""Beginnings of addresses that have no room for two figures, or for their words: Modachannel,
O1bldbottom."""
COLOUR_SUFFIXES = "rgba"
STYLES = {
    "float": "Float",
    "stops": "Float",
    "int": "Int",
    "bool": "Toggle",
    "menu": "Menu",
    "text": "Str",
    "file": "Str",  # a path on the engine's machine, which TouchDesigner's file dialog may not see
    "trigger": "Pulse",
    "colour": "RGBA",
}
_LEGAL_NAME = re.compile(r"[A-Z][a-z0-9]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomParameter:
    """A custom parameter, with the arguments of `Page.append<style>` and the members of `Par`."""

    address: str
    name: str
    """For a colour without the r, g, b or a that TouchDesigner appends."""
    label: str
    help: str
    style: str
    default: Any
    """None for Pulse."""
    low: float
    high: float
    is_clamped: bool
    """True if TouchDesigner clips a number to low..high; wrapping is left to the engine."""
    menu: tuple[str, ...]
    starts_section: bool
    """True if a line is drawn above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPage:
    title: str
    controls: tuple[CustomParameter, ...]


def control_pages(leaves: Iterable[Leaf]) -> tuple[ControlPage, ...]:
    """One page per area, in the order of `leaves`; addresses that differ in the last part only stay
    together.

    Raises ValueError if two addresses would get the same name.
    """
    areas: dict[str, dict[str, list[Leaf]]] = {}
    for leaf in leaves:
        areas.setdefault(leaf["area_title"], {}).setdefault(
            leaf["address"].rpartition("/")[0], []
        ).append(leaf)
    pages = []
    addresses: dict[str, str] = {}
    for title, folders in areas.items():
        controls: list[CustomParameter] = []
        for folder in folders.values():
            controls += [
                _control(leaf, bool(controls) and at == 0) for at, leaf in enumerate(folder)
            ]
        for control in controls:
            for name in names_of(control):
                owner = addresses.setdefault(name, control.address)
                if owner != control.address:
                    raise ValueError(f"{control.address} and {owner} would both be named {name}")
        pages.append(ControlPage(title=title, controls=tuple(controls)))
    return tuple(pages)


def names_of(control: CustomParameter) -> tuple[str, ...]:
    """The names of its parameters: four for a colour, else one."""
    if control.style == "RGBA":
        return tuple(control.name + suffix for suffix in COLOUR_SUFFIXES)
    return (control.name,)


def parameter_name(address: str) -> str:
    """`/layer/1/angle` -> `L1angle`; for a colour without the last letter. Raises ValueError for an
    illegal name.

    It can have more than 11 characters for an engine newer than this table.
    """
    for prefix, short in SHORT_PREFIXES.items():
        if address.startswith(prefix):
            address = address.replace(prefix, short, 1)
    parts: list[str] = []
    for part in address.lower().strip("/").split("/"):
        parts += [part] if part in SHORT_WORDS else re.split(r"[^a-z0-9]+", part)
    name = "".join(SHORT_WORDS.get(each, each) for each in parts).capitalize()
    if not _LEGAL_NAME.fullmatch(name):
        raise ValueError(f"{address}: TouchDesigner does not allow a parameter named {name!r}")
    return name


def pages_json(pages: Iterable[ControlPage]) -> str:
    """The pages as JSON, one control per line; ASCII, which is the same in every Windows locale."""
    blocks = []
    for page in pages:
        lines = ",\n".join("  " + json.dumps(asdict(control)) for control in page.controls)
        blocks.append(f' {{"title": {json.dumps(page.title)}, "controls": [\n{lines}\n ]}}')
    return "[\n" + ",\n".join(blocks) + "\n]\n"


def read_pages(text: str) -> tuple[ControlPage, ...]:
    """The pages from the text of `pages_json`."""
    return tuple(
        ControlPage(
            title=page["title"],
            controls=tuple(
                CustomParameter(**{key: _frozen(value) for key, value in control.items()})
                for control in page["controls"]
            ),
        )
        for page in json.loads(text)
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def leaves_of(node: Mapping[str, Any]) -> Iterable[Leaf]:
    """The parameters of an OSCQuery tree, in its order; without commands, which have no value."""
    own = node.get("MULTIVERSE")
    if own and own["type"] in STYLES:
        span = (node.get("RANGE") or [{}])[0]
        yield {
            **own,
            "address": node["FULL_PATH"],
            "low": span.get("MIN", 0.0),
            "high": span.get("MAX", 1.0),
            "description": node["DESCRIPTION"],
        }
    for child in node.get("CONTENTS", {}).values():
        yield from leaves_of(child)


def _control(leaf: Leaf, starts_section: bool) -> CustomParameter:
    address = leaf["address"]
    kind = leaf["type"]
    return CustomParameter(
        address=address,
        name=parameter_name(address),
        label=_label(address, leaf["unit"]),
        help=_help(leaf),
        style=STYLES[kind],
        default=None if kind == "trigger" else _frozen(leaf["default"]),
        low=leaf["low"] if kind in ("float", "stops", "int") else 0.0,
        high=leaf["high"] if kind in ("float", "stops", "int") else 1.0,
        is_clamped=kind in ("float", "stops", "int", "colour") and leaf["out_of_range"] == "clip",
        menu=tuple(leaf["menu"]),
        starts_section=starts_section,
    )


def _label(address: str, unit: str) -> str:
    """`/sd/crossfade_s` -> `Crossfade (s)`. The first part is dropped, because the page has that
    name."""
    parts = address.strip("/").split("/")
    if len(parts) > 1 and not parts[1].isdigit():
        parts = parts[1:]
    tokens = " ".join(parts).replace("_", " ").split()
    shown_unit = unit if unit != "characters" else ""
    if shown_unit and tokens[-1] == shown_unit.lower():
        tokens = tokens[:-1]
    text = " ".join(tokens)
    return text[:1].upper() + text[1:] + (f" ({shown_unit})" if shown_unit else "")


def _help(leaf: Leaf) -> str:
    kind = leaf["type"]
    notes = []
    if kind in ("float", "int", "stops"):
        notes.append(f"{leaf['low']:g} to {leaf['high']:g} {leaf['unit']}".strip())
    if kind == "int" and leaf.get("step", 1) > 1:
        notes.append(f"in steps of {leaf['step']}")
    if leaf["stops"]:
        notes.append("; ".join(f"{at} {name}" for at, name in enumerate(leaf["stops"])))
    return f"{leaf['description']}\n{leaf['address']}" + (f"   {', '.join(notes)}" if notes else "")
