"""Forwards changes and pulses of the component's parameters to the extension."""


def onValueChange(par, prev):
    par.owner.ext.MultiverseExt.on_value(par)


def onPulse(par):
    par.owner.ext.MultiverseExt.on_pulse(par)
