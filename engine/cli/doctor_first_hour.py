"""The doctor's checks for common beginners' problems: those of this system, and the sound input on any system."""

import sys
from collections.abc import Callable, Iterator

from engine.cli.check import Check
from engine.cli.doctor_mac import mac_checks
from engine.cli.doctor_windows import windows_checks

MAX_TELEPHONE_RATE_HZ = 24_000  # Bluetooth headsets use 8, 16 or 24 kHz while their microphone is open
HEADSETS = ("airpods", "hands-free", "headset", "beats")


def first_hour_checks() -> Iterator[Check]:
    """Run the checks of this system; none on Linux."""
    checks: dict[str, Callable[[], Iterator[Check]]] = {"win32": windows_checks, "darwin": mac_checks}
    if sys.platform in checks:
        yield from checks[sys.platform]()


def check_default_input(default: str | None, rate_hz: int, *, is_loopback: bool) -> Iterator[Check]:
    """Warn if the default sound input seems to be the microphone of a Bluetooth headset or of a camera."""
    if default is None or is_loopback:
        return
    is_headset = any(part in default.lower() for part in HEADSETS)
    if is_headset or 0 < rate_hz <= MAX_TELEPHONE_RATE_HZ:
        yield Check(
            name="default sound input",
            state="warning",
            detail=f"{default} ({rate_hz} Hz) seems to be a headset's or a camera's microphone: no treble, and a "
            "Bluetooth headset then sounds like a telephone",
            mend="choose another input in the system's sound settings; or multiverse run --audio device:NAME",
        )


def input_advice(system: str) -> str:
    """Advice for a machine without a sound input."""
    return {
        "darwin": "a Mac mini, Studio or Pro has no microphone: plug one in; or multiverse run --audio song.wav",
        "win32": "start ms-settings:sound, then choose an input; or multiverse run --audio song.wav",
    }.get(system, "")
