"""The names of the built-in looks, which desks and lists show. Their files are in
`engine/params/look_files`."""

from typing import Final

WORLDS: Final = {
    "light": ("Eclipse", "Aurora", "Prism", "Silk"),
    "geometry": ("Cathedral", "Mandala", "Tunnel", "Horizon"),
    "liquid": ("Ink", "Mercury", "Skein", "Medusa"),
    "noise": ("Djinn", "Relief", "Pulsar", "Thunder"),
    "stage": ("Riso", "Marble", "Poster", "Neume"),
    "space": ("Fluid", "Ravine", "Crystal", "Swarm"),
    "body": ("Silhouette", "Echo", "Mirrorball", "Dreamer"),
}
"""By world, in the order in which lists and the page show them; the first is look 1 of
`/preset/number`."""
