"""The built-in looks, by world, each as changes against PLAIN.

Made by eye, with music in four stems and in stereo, in a break and in silence. They share a recipe: a palette that
stays and drifts, a black ground over a third of the picture or more, a focal point or a flow, something large that the
kick moves and something fine that the hats light, and two slow LFOs whose rates have no common period, so that a minute
never repeats.
"""

from engine.params import looks_geometry, looks_light, looks_liquid, looks_noise
from engine.params.plain_look import PLAIN
from osc_schema.look_changes import Look

WORLDS: dict[str, dict[str, Look]] = {
    "light": looks_light.CHANGES,
    "geometry": looks_geometry.CHANGES,
    "liquid": looks_liquid.CHANGES,
    "noise": looks_noise.CHANGES,
}
"""The looks' changes by world, in the order in which lists and the page show them."""

LOOKS = {name: PLAIN | changes for looks in WORLDS.values() for name, changes in looks.items()}


def world_of(name: str) -> str:
    """The world of a look: geometry, light ...; "" for any other preset."""
    return next((world for world, looks in WORLDS.items() if name in looks), "")
