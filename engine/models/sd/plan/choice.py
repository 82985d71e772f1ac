"""A decision about a model, with its reason. `model check`, the start of a run and the page show both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    value: str
    reason: str
    """Where the value comes from, in a few words: `asked for`, `the empty tensor v_pred in the file`."""


ASKED = "asked for"
