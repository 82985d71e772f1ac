"""Forwards changes and pulses of the component's parameters to the extension, if it started."""


def onValueChange(par, prev):
    extension = getattr(par.owner.ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_value(par)


def onPulse(par):
    extension = getattr(par.owner.ext, "MultiverseExt", None)
    if extension is not None:
        extension.on_pulse(par)
