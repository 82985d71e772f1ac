"""Renders with Cycles, Blender's path tracer, in a separate process and usually a separate environment."""

from engine.dataset.cycles.drawing import ask_blender, render
from engine.dataset.cycles.finding import DEVICE_VARIABLE, Blender, find_blender, install_command, locate_blender

__all__ = [
    "DEVICE_VARIABLE",
    "Blender",
    "ask_blender",
    "find_blender",
    "install_command",
    "locate_blender",
    "render",
]
