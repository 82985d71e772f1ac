"""A decision about a model together with its reason, as `model check`, the start of a run and the page tell both."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    value: str
    reason: str
    """Where the value comes from, in a few words: `asked for`, `the empty tensor v_pred in the file`."""


ASKED = "asked for"
