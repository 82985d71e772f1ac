"""Launching on the beat: which changes wait for the beat, and for which one."""

from osc_schema.declare import arguments, menu, message, number
from osc_schema.types import Area, Command

QUANTA = ("now", "beat", "bar", "4_bars")
QUANTISE = f"quantise:beat[{'|'.join(QUANTA)}]?"
"""The last argument of commands that wait for `/launch/quantise`, or for the beat named there."""

AREA = Area(
    title="Launch",
    description="Changes that start on the beat of `/tempo/source`. Presets, cues and events of "
    "shaders wait for "
    "`/launch/quantise`, and any one message for the word at its end: `/preset/load Aurora 4 bar` "
    "waits for the bar "
    "and then fades for 4 s, `/layer/1/angle 90 beat` turns on the next beat. Only one look "
    "waits: a later preset or "
    "cue replaces it. Panic drops all that waits.",
    messages=(
        message(
            "/launch/queued",
            "name:s beats_left:i preset:s",
            "A change waits; again on each beat. 0: for its shader.",
        ),
        message("/launch/started", "name:s", "What waited has started."),
        message("/launch/dropped", "name:s", "What waited was taken back or replaced."),
    ),
    params=(
        menu(
            "/launch/quantise",
            " ".join(QUANTA),
            "When presets, cues and events of shaders start: at once, on the next beat, on the "
            "next bar, or where the "
            "next four bars begin.",
            former_items=(("4 bars", "4_bars"), ("4bars", "4_bars")),
            tags="quantize quantisation quantization sync beat bar clip trigger snap",
            stored=False,
            is_look=False,
        ),
        number(
            "/launch/late_ms",
            60,
            0,
            250,
            "What is sent no later than this after its beat starts at once, instead of on the "
            "next one; each beat "
            "starts one look only. 0: it always waits.",
            "ms",
            smoothing_ms=0,
            tags="tolerance too late grace quantise quantize window",
            stored=False,
            is_look=False,
        ),
    ),
    commands=(
        Command(
            address="/launch/drop",
            arguments=arguments("name:s?"),
            description="Takes back what waits under that name; without one, all that waits.",
            replies=("/launch/dropped <name>, to every subscriber", "/done /launch/drop <count>"),
        ),
        Command(
            address="/launch/list",
            description="Lists what waits, in the order in which it starts.",
            replies=(
                "/launch/queued <name> <beats_left> <preset>, one message per change that waits",
                "/done /launch/list",
            ),
        ),
    ),
)
