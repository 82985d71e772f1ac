"""The demo sound, nearly stopped, for tests that do not need sound: analysing it would take a fifth
of a core."""

from engine.audio.chosen import ChosenAudio, ChosenSound
from engine.audio.demo import demo_feed
from engine.system.clock import SystemClock


class NearlyStopped(SystemClock):
    """A clock that runs a hundred times as slow."""

    def now_s(self) -> float:
        return super().now_s() / 100

    def sleep_until(self, due_s: float) -> None:
        super().sleep_until(due_s * 100)


def slow_sound() -> ChosenAudio:
    """The demo sound: half a second at once, then 10 ms in each second."""
    sound = ChosenSound(NearlyStopped(), lambda key, line: None)
    sound.open_demo()
    sound.ring.write(demo_feed().read(sound.ring.sample_rate_hz // 2))
    return ChosenAudio(sound, "demo loop", lambda key, line: None)
