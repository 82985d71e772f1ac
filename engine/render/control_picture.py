"""Draws found objects as a segmentation picture for ControlNets such as control_v11p_sd15_seg.

These were trained on the colours of the 150 classes of ADE20K (Zhou et al. 2017), as listed in
mmsegmentation's mmseg/datasets/ade.py and in the model cards. Objects of other classes convey only
their shape.
"""

import re

import numpy as np

from engine.render.masks import object_colours
from engine.render.region_maps import object_numbers
from engine.values import Segmentation

MAX_PX = 512

_COLOURS = """
    wall 120 120 120, building 180 120 120, sky 6 230 230, floor 80 50 50, tree 4 200 3,
    road 140 140 140, window 230 230 230, grass 4 250 7, sidewalk 235 255 7, person 150 5 61,
    door 8 255 51, table 255 6 82, mountain 143 255 140, plant 204 255 4, curtain 255 51 7,
    chair 204 70 3, car 0 102 200, water 61 230 250, painting 255 6 51, sofa 11 102 255,
    house 255 9 224, mirror 220 220 220, seat 7 255 224, fence 255 184 6, desk 10 255 71,
    lamp 224 255 8, box 0 255 20, column 255 8 41, signboard 255 5 153, stairs 255 224 0,
    flower 255 0 0, book 255 163 0, bench 194 255 0, computer 0 255 173, boat 173 255 0,
    bus 255 0 245, light 255 173 0, truck 255 0 20, streetlight 0 71 255, television 0 255 194,
    clothes 0 112 255, bottle 0 255 10, ship 255 235 0, poster 143 255 0, stage 82 0 255,
    stool 0 214 255, bag 70 184 160, motorcycle 163 0 255, ball 255 0 163, animal 255 0 122,
    bicycle 255 245 0, screen 0 204 255, sculpture 255 255 0, monitor 0 92 255,
    traffic light 41 0 255, flag 92 0 255
"""
_CLASSES = {
    name: (int(red), int(green), int(blue))
    for name, red, green, blue in (each.strip().rsplit(" ", 3) for each in _COLOURS.split(","))
}
"""Classes of a stage or a street, by common name (ADE20K: windowpane, apparel, minibike, television
receiver)."""

_SYNONYMS = {
    "person": "people man men woman women child children boy girl kid baby human body face head "
    "hand crowd audience "
    "dancer actor actress singer musician guitarist drummer pianist violinist player performer "
    "artist dj athlete "
    "pedestrian cyclist rider driver",
    "animal": "dog cat horse bird cow sheep bear",
    "clothes": "dress shirt jacket coat trousers skirt costume apparel clothing",
    "motorcycle": "motorbike minibike scooter",
    "television": "tv",
    "bicycle": "bike",
    "sidewalk": "pavement",
    "stairs": "staircase steps",
    "sofa": "couch",
    "road": "street",
    "light": "spotlight lantern",
    "streetlight": "streetlamp",
    "sculpture": "statue",
    "computer": "laptop",
    "painting": "picture",
    "signboard": "sign",
    "column": "pillar",
    "bag": "backpack handbag suitcase",
}
"""Synonyms of a class."""
_CLASS_OF = {name: name for name in _CLASSES} | {
    key: name for name, text in _SYNONYMS.items() for key in text.split()
}
_CLASS_OF |= {"street light": "streetlight", "street lamp": "streetlight"}
_DETAILS = frozenset(
    "in on with without at of by near beside under over behind before between down up from to "
    "wearing holding carrying "
    "playing riding sitting standing and or that who which".split()
)
"""Tokens after which a prompt only adds details to the preceding noun."""


def ade20k_class(prompt: str) -> str | None:
    """Return the ADE20K class that a prompt names, else None: person for "a man in a red coat"."""
    tokens = re.findall("[a-z]+", prompt.lower())
    end = next((index for index, token in enumerate(tokens) if token in _DETAILS), len(tokens))
    for last in range(end, 0, -1):  # the last noun names the object
        for first in (max(last - 2, 0), last - 1):
            name = " ".join(tokens[first:last])
            for ending in ("", "s", "es"):
                if name.endswith(ending) and name.removesuffix(ending) in _CLASS_OF:
                    return _CLASS_OF[name.removesuffix(ending)]
    return None


def segmentation_picture(segmentation: Segmentation, prompts: tuple[str, ...]) -> np.ndarray:
    """Draw a segmentation picture, (height, width, 3) uint8 RGB, at most 512 px wide; black where
    nothing was found.

    Each object has the colour of the class in its prompt (`prompts[n - 1]` is prompt n), or its own
    colour if the prompt names no class. The first of overlapping objects is in front. Edges are
    hard, as a mixed colour would be another class."""
    palette = np.zeros((1 + len(segmentation.objects), 3), np.uint8)
    own = np.rint(255 * object_colours([each.id for each in segmentation.objects]))
    for index, each in enumerate(segmentation.objects):
        name = ade20k_class(prompts[each.prompt - 1])
        palette[1 + index] = own[index] if name is None else _CLASSES[name]
    return palette.take(object_numbers(segmentation, MAX_PX), axis=0)
