"""The steps of docs/first-contact.md in short, as a checklist for `multiverse doctor --report`.

A test compares the titles with the page's headings.
"""

from dataclasses import dataclass

MAC, PC, LINUX = "darwin", "win32", "linux"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    title: str
    """The page's heading."""
    see: tuple[str, ...]
    """Things that only a person can check, one per line."""
    systems: tuple[str, ...] = (MAC, PC, LINUX)
    """Systems that the step applies to, as in `sys.platform`."""


STEPS = (
    Step(
        title="The engine and its page",
        see=("the picture moves to sound", "a fader moved on the page is felt at once", "Ctrl-C ends within 5 s"),
    ),
    Step(
        title="Mac: Syphon",
        systems=(MAC,),
        see=(
            "the list of a receiver shows the name in this report",
            "the F card of `--camera test` is upright and not mirrored",
            "a receiver started later than the engine finds it too",
        ),
    ),
    Step(
        title="PC: Spout",
        systems=(PC,),
        see=(
            "the list of a receiver shows `Multiverse`",
            "the F card of `--camera test` is upright and not mirrored",
            "the sink's status says `GL/DX interop ready`",
        ),
    ),
    Step(
        title="NDI",
        see=("`HOST (Multiverse)` stands in the receiver's list", "the picture comes back after a cable was pulled"),
    ),
    Step(
        title="Resolume",
        systems=(MAC, PC),
        see=(
            "`Multiverse` stands among the sources and shows the picture",
            "Arena's composition arrives with `--camera syphon:Arena` or `spout:Arena`",
            "with *Output All OSC Messages* the log stays quiet",
            "a clip that starts by itself shows its layer",
        ),
    ),
    Step(
        title="TouchDesigner",
        systems=(MAC, PC),
        see=(
            "the pasted line builds the component without an error",
            "every page of parameters is there, no name cut in mid-word",
            "the picture is not the 128x128 placeholder",
        ),
    ),
    Step(
        title="Max",
        systems=(MAC, PC),
        see=("the Max console shows no error when the patch opens", "a dial moves the engine, and the engine the dial"),
    ),
    Step(
        title="Chataigne",
        see=("every control is there, under the names of the page", "a value moves both ways"),
    ),
    Step(title="ossia score", see=("the device tree fills itself", "a value moves both ways")),
    Step(
        title="MIDI controller",
        see=("a learned fader moves its control", "an encoder turns both ways", "lights and motor faders follow"),
    ),
    Step(title="Camera and sound", see=("each camera in this report opens", "four channels arrive on four layers")),
)


def steps_for(system: str) -> tuple[Step, ...]:
    """The steps for this system; `system` as in `sys.platform`."""
    return tuple(step for step in STEPS if system in step.systems)
