"""Variety of foundation piles in recipe 2: feet, caps, paint, filling."""

from enum import StrEnum


class FootKind(StrEnum):
    OWN = "own"
    """Recipe 1: a concrete pad around concrete, a heap of spoil around steel; part of the pile."""
    NONE = "none"
    SPOIL = "spoil"
    """A ring of loose earth. Ground, not part of the pile."""
    HOLE = "hole"
    """A drilled hole, wider than the pile, with earth around it. Ground."""
    MUD = "mud"
    """A wet, trodden patch. Ground."""
    GROUT = "grout"
    """A collar of grout around the foot; part of the pile."""
    PAD = "pad"
    """A concrete pad; part of the pile."""


class CapKind(StrEnum):
    NONE = "none"
    PLASTIC = "plastic"
    """A coloured cap over the head."""
    PLATE = "plate"
    """A steel plate on the head."""


class PaintColor(StrEnum):
    RED = "red"
    ORANGE = "orange"
    BLUE = "blue"
    WHITE = "white"
    YELLOW = "yellow"
    GREEN = "green"
    BLACK = "black"


class PaintPlace(StrEnum):
    NONE = "none"
    HEAD = "head"
    """Sprayed over the head."""
    RING = "ring"
    """A ring below the head."""


class Filling(StrEnum):
    OPEN = "open"
    """Dark inside."""
    EARTH = "earth"
    CONCRETE = "concrete"
