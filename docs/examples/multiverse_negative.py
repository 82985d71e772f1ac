"""A live model in one function, in a process of its own: the negative of the camera on layer 5.

    pip install --no-deps ./docs/examples
    multiverse run --neg on --camera 0

The page has a fader for its parameter, the status says how fast it paints, and if it crashes it is
started again.
"""

from typing import Any

from engine.live.kit.live_model import LiveEntry
from osc_schema.declare import number, switch
from osc_schema.types import Area

AREA = Area(
    title="Negative",
    description="Inverts the camera.",
    paints_layer5=True,
    params=(
        switch("/neg/enable", False, "Switches it on.", stored=False, resumed=False, child="neg"),
        number(
            "/neg/amount", 1, 0, 1, "0: the camera; 1: its negative.", smoothing_ms=0, child="neg"
        ),
    ),
)
ENTRY = LiveEntry(
    name="neg",
    title="Negative",
    no_model="no negative is configured: start with `multiverse run --neg on`",
    not_offline="the negative is live only",
    paint="multiverse_negative:paint",
)


def paint(picture: Any, values: dict[str, float]) -> Any:
    """Called as often as the show leaves time for. Import NumPy, PyTorch and the like here: every
    start reads the top.

    `picture`: (height, width, 3 or 4) uint8; the result may have another size, and has values
    0..255.
    """
    amount = values["/neg/amount"]
    return picture * (1 - amount) + (255 - picture) * amount
