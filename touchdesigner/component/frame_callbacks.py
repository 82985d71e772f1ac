"""Forwards each frame to the extension."""


def onFrameStart(frame):
    extension = getattr(parent().ext, "MultiverseExt", None)  # noqa: F821  TouchDesigner's
    if extension is not None:  # else it did not start, which the component shows
        extension.on_frame()
