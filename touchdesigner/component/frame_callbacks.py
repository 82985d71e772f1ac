"""Forwards each frame to the extension."""


def onFrameStart(frame):
    parent().ext.MultiverseExt.on_frame()  # noqa: F821  TouchDesigner's
