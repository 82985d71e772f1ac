"""The built-in looks, by world: preset files in `look_files`, each with what differs from the plain
look.

They share a recipe: black over a third of the picture or more (Riso and Marble are bright);
something large that the kick moves, something fine that the hats light; slow LFOs without a common
period, so that it breathes in silence. One with a shader sets each of its inputs, and names a look
that holds its place (`/fx/fallback`).
"""

from pathlib import Path
from typing import Final

import osc_schema
from engine.params.preset_file import read_preset
from osc_schema import Param
from osc_schema.first_look import FIRST_LOOK
from osc_schema.look_changes import Look, handy_macros
from osc_schema.look_names import WORLDS

FOLDER: Final = Path(__file__).parent / "look_files"
_PICTURE_AREAS = frozenset(
    {
        "multiverse",
        "colour",
        "layer",
        "feedback",
        "mirror",
        "text",
        "post",
        "fx",
        "mod",
        "lfo",
        "macro",
    }
)
FIRST_ENERGY: Final = 0.75
_SHOW_CONTROLS = frozenset({"alpha", "mute", "solo"})
STAYING: Final = ("/layer/5/", "/text/2/", "/text/words", "/fx/transition/")
"""Beginnings of addresses that no look sets, although it sets others like them."""


def _is_picture(param: Param) -> bool:
    """True for what a look sets: not layer 5, text 2, the transition and what is switched during a
    show."""
    is_of_a_look = param.area in _PICTURE_AREAS and not param.address.startswith(STAYING)
    return is_of_a_look and param.address.rpartition("/")[2] not in _SHOW_CONTROLS


PLAIN: Final[Look] = {
    param.address: param.default for param in osc_schema.DECLARED if _is_picture(param)
}
"""Four plain waves added up, without movement."""


def _read(name: str) -> tuple[Look, float | None]:
    if name == "Eclipse":  # the engine starts with it, so the schema has it
        return PLAIN | FIRST_LOOK, FIRST_ENERGY
    loaded = read_preset(FOLDER / f"{name}.toml", holds=_is_picture)
    assert not loaded.problems, (name, loaded.problems)
    look = PLAIN | loaded.by_address()
    return look | handy_macros(look), loaded.energy


_READ: Final = {name: _read(name) for names in WORLDS.values() for name in names}
LOOKS: Final = {name: look for name, (look, _) in _READ.items()}
ENERGIES: Final = {name: energy for name, (_, energy) in _READ.items()}

WORDED: Final = frozenset(
    name for name, look in LOOKS.items() if look["/text/1/size"] != PLAIN["/text/1/size"]
)
"""Looks with words: text 1 of theirs is `/text/words`, unless that is empty."""


def world_of(name: str) -> str:
    """The world of a look: geometry, light ...; "" for any other preset."""
    return next((world for world, looks in WORLDS.items() if name in looks), "")
