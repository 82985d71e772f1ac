"""Undo and redo of what hands have changed."""

from osc_schema.declare import arguments
from osc_schema.types import Area, Command


def _command(address: str, description: str) -> Command:
    return Command(
        address=address,
        arguments=arguments("pressed:press?"),
        description=description,
        replies=(f"/done {address} <what>", f"/fail {address} <reason>"),
    )


AREA = Area(
    title="Undo",
    description="The last 100 steps of hands, whichever page or controller they came from. One "
    "step is one gesture: a "
    "fader from press to release, the messages of one bundle, a preset that was loaded or faded "
    "to by hand, a panic, "
    "an edit of pads. What sound, LFOs, modulation, cues and fades move is no "
    "step, nor is what a program changes without resting for 5 s. A step belongs to the look it "
    "was made in: after a "
    "cue or the autopilot has brought another one, its values are passed over.",
    commands=(
        _command(
            "/undo",
            "Restores the values before the newest step of a hand; before a preset, the look "
            "before as it was. Values "
            "of a shader that no longer plays are left out. 0 (a button released) does nothing.",
        ),
        _command(
            "/redo", "Restores the step that was undone last, until a hand changes something else."
        ),
        Command(
            address="/gesture",
            arguments=arguments("touched:switch"),
            description="Between 1 and 0 all that this sender changes is one step of /undo. "
            "Without it a step ends "
            "when a control has rested for a second, or another one is moved.",
            replies=("/done /gesture <touched>", "/fail /gesture <reason>"),
        ),
    ),
)
