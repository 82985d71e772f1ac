"""The voice pipeline on a simulated clock: the output, its timing, and failures."""

import math
from collections.abc import Callable

import numpy as np
import pytest

import osc_schema
from engine.audio.ring import SampleRing
from engine.live.rvc.link import VoiceTiming
from engine.live.rvc.pipeline import VoicePipeline
from engine.system.clock import SteppedClock
from tests.audio.clicks import click_db

RATE_HZ = 16_000
BLOCK, LAG = 1600, 480  # 100 ms; 30 ms
STEP = 160  # step of the simulation: 10 ms
LEAD_S = 0.05  # latency of the output device
DEFAULTS = {param.address: param.default for param in osc_schema.PARAMS}


class Microphone:
    """A capture with two channels whose sound is a function of the sample number."""

    def __init__(self, voice: Callable[[np.ndarray], np.ndarray]) -> None:
        self.ring = SampleRing(RATE_HZ, 2)
        self.voice = voice
        self.description = "a microphone"
        self.state = "playing"
        self.lost_blocks = 0

    def start(self) -> None: ...

    def close(self) -> None: ...

    def hear(self, now_s: float) -> None:
        """The sound until 10 ms ago, which is the latency of the device."""
        numbers = np.arange(self.ring.newest, round((now_s - 0.01) * RATE_HZ))
        if len(numbers):
            self.ring.set_mark(self.ring.newest, self.ring.newest / RATE_HZ)
            sound = self.voice(numbers).astype(np.float32)
            self.ring.write(np.stack([sound, -0.5 * sound], axis=1))


class Inverter:
    """Replaces the voice child's link: inverts each complete block after `work_s`."""

    def __init__(self, clock: SteppedClock) -> None:
        self.timing = VoiceTiming(block_s=BLOCK / RATE_HZ, lag_s=LAG / RATE_HZ, work_p99_s=0.02)
        self.work_s = 0.02
        self.is_alive = True
        self._clock = clock
        self.voice = np.zeros(0, np.float32)
        self.converted = self
        self._converted = np.zeros((0, 2), np.float32)
        self._last_first = 0
        self._due: list[tuple[float, int]] = []

    def write_voice(self, block: np.ndarray) -> None:
        whole = len(self.voice) // BLOCK
        self.voice = np.concatenate((self.voice, block))
        for number in range(whole, len(self.voice) // BLOCK):
            self._due.append((self._clock.now_s() + self.work_s, number))

    def read(self, first: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
        assert first >= self._last_first, "later and later ones"
        self._last_first = first
        self._work()
        sound, presence = np.zeros((2, frames), np.float32)
        found = self._converted[first : first + frames]
        sound[: len(found)], presence[: len(found)] = found.T
        return sound, presence

    def has(self, sample: int) -> bool:
        self._work()
        return sample < len(self._converted) and self._converted[sample, 1] > 0.0

    @property
    def end(self) -> int:
        self._work()
        return len(self._converted)

    def _work(self) -> None:
        while self._due and self._due[0][0] <= self._clock.now_s():
            _, number = self._due.pop(0)
            first, end = max(number * BLOCK - LAG, 0), (number + 1) * BLOCK - LAG
            zeros = np.zeros((end - len(self._converted), 2), np.float32)
            self._converted = np.concatenate((self._converted, zeros))
            if self.is_alive:
                self._converted[first:end, 0] = -self.voice[first:end]
                self._converted[first:end, 1] = 1.0


class World:
    """A simulated microphone, the pipeline, and a loudspeaker LEAD_S away, with its output."""

    def __init__(
        self, voice: Callable[[np.ndarray], np.ndarray], reports, **values: object
    ) -> None:
        self.clock = SteppedClock()
        self.microphone = Microphone(voice)
        self.link = Inverter(self.clock)
        self.pipeline = VoicePipeline(
            self.link, self.microphone, None, clock=self.clock, report=reports
        )
        self.values = DEFAULTS | {"/rvc/enable": True} | values
        self.pipeline.follow(self.values)
        self._loudspeaker = self.pipeline.listen(RATE_HZ)
        self._played = 0

    def run(self, seconds: float, *, may_click: bool = False) -> np.ndarray:
        """Run for this time. Returns the sound, (frames,), after a check for clicks. Sample n of
        the whole run is audible LEAD_S after n / RATE_HZ."""
        sound = []
        for _ in range(round(seconds * RATE_HZ / STEP)):
            self.clock.advance(STEP / RATE_HZ)
            self.microphone.hear(self.clock.now_s())
            self.pipeline.step()
            sound.append(self._loudspeaker.read(STEP, self._played / RATE_HZ + LEAD_S)[:, 0])
            self._played += STEP
        sound = np.concatenate(sound)
        assert may_click or click_db(sound) < -50.0
        return sound

    def skip(self, seconds: float) -> None:
        """Let the microphone run on without the pipeline or a listener."""
        self.clock.advance(seconds)
        self.microphone.hear(self.clock.now_s())
        self._played += round(seconds * RATE_HZ)

    def assert_audible(self, factor: float) -> None:
        """For half a second the listener hears the voice times `factor`, exactly the delay after
        it."""
        expected = factor * self.spoken(8000)
        assert np.abs(self.run(0.5) - expected).max() < 2e-3

    def set(self, **values: object) -> None:
        self.values |= {f"/rvc/{name}": value for name, value in values.items()}
        self.pipeline.follow(self.values)

    def spoken(self, frames: int, ago: int = 0) -> np.ndarray:
        """The sound that was spoken one delay before the next output, or before the output of
        `ago`."""
        now = self._played - ago + round(LEAD_S * RATE_HZ)
        return self.microphone.voice(
            now - self.pipeline.delay.total_s * RATE_HZ + np.arange(frames)
        )

    def count(self, name: str) -> object:
        return self.pipeline.facts()[name]


def hum(numbers: np.ndarray) -> np.ndarray:
    """A 100 Hz tone that swells for a second and fades for another, so that no two moments are
    alike."""
    return (
        0.4
        * np.sin(2 * np.pi * 100.0 * numbers / RATE_HZ)
        * (1.1 - np.cos(np.pi * numbers / RATE_HZ))
        / 2.1
    )


@pytest.fixture
def world(reports) -> World:
    world = World(hum, reports)
    # until the devices are measured and the first blocks have arrived
    world.run(4.0, may_click=True)
    return world


def test_the_delay_of_the_conversion_is_exactly_the_sum_of_its_parts(world) -> None:
    world.assert_audible(-1.0)
    facts = world.pipeline.facts()
    assert facts["underruns"] == facts["gaps"] == 0
    assert (facts["algorithmic_ms"], facts["compute_ms"]) == (130.0, 110.0)
    # Input latency is 10 ms and output latency 50 ms; blocks, fades and safety margins are added.
    assert 60.0 < facts["device_ms"] < 110.0
    assert facts["delay_ms"] == pytest.approx(130.0 + 110.0 + facts["device_ms"], abs=0.1)
    assert (facts["input"], facts["output"]) == ("playing", "none")
    assert -40.0 < facts["input_db"] <= -7.9 and -40.0 < facts["output_db"] <= -7.9, (
        "the hum's peak is 0.4"
    )


def test_while_the_child_is_dead_the_dry_voice_follows_within_a_block_or_silence(world) -> None:
    world.link.is_alive = False
    sound = world.run(1.5)
    # Until the delay has passed, earlier conversions are heard; after that at most one complete
    # block.
    changed = np.flatnonzero(np.abs(sound - world.spoken(len(sound), ago=len(sound))) < 2e-3)
    assert changed[0] <= round(world.pipeline.delay.total_s * RATE_HZ) + BLOCK
    world.assert_audible(1.0)
    assert world.count("underruns") == 1
    world.link.is_alive = True
    world.run(1.5)
    world.assert_audible(-1.0)
    world.set(fallback="silence")
    world.link.is_alive = False
    world.run(1.5)
    assert not world.run(0.5).any()


def test_a_late_block_is_bridged_and_the_delay_grows_by_its_lateness(world, reports) -> None:
    before = world.pipeline.delay
    world.link.work_s = 0.15
    world.run(2.0)
    after, underruns = world.pipeline.delay, world.count("underruns")
    assert underruns >= 1
    assert 0.02 < after.compute_s - before.compute_s < 0.07
    assert "rvc.late" in reports.keys
    world.run(5.0)
    assert (world.pipeline.delay, world.count("underruns")) == (after, underruns)
    world.assert_audible(-1.0)


def test_a_requested_delay_is_the_measured_delay(world) -> None:
    world.set(delay_ms=2900.0)
    world.run(3.5)
    assert world.pipeline.delay.total_s == pytest.approx(2.9)
    world.assert_audible(-1.0)
    world.set(delay_ms=0.0)
    world.run(0.5)
    world.assert_audible(-1.0)
    assert world.count("underruns") == world.count("gaps") == 0


def test_a_delay_that_is_too_short_is_reported_once_per_value_with_the_minimum(
    world, reports
) -> None:
    shortest_ms = world.pipeline.delay.total_s * 1000.0
    for requested_ms in (100.0, 400.0, 50.0, 0.0):
        for _ in range(2):
            world.set(delay_ms=requested_ms)
            world.run(0.5)
    message = f"too short; using the minimum, {math.ceil(shortest_ms)} ms"
    reported = [line for key, line in reports.lines if key == "rvc.delay"]
    assert reported == [f"/rvc/delay_ms 100: {message}", f"/rvc/delay_ms 50: {message}"]


def test_another_channel_may_be_the_voice_and_a_missing_one_is_silent_and_reported_once(
    world, reports
) -> None:
    world.set(input_channel=2, monitor=0.0)
    world.run(1.0)
    world.assert_audible(-0.5)
    world.set(input_channel=3)
    world.run(1.0)
    assert not world.run(0.5).any()
    world.set(input_channel=3)
    message = "/rvc/input_channel 3: the voice is silent, a microphone has only 2"
    assert reports.lines.count(("rvc.input", message)) == 1


def test_overwritten_sound_does_not_shift_the_sound_after_it(world) -> None:
    world.skip(12.0)  # more than the microphone's ring holds
    world.run(3.0, may_click=True)
    world.assert_audible(-1.0)


def test_the_voice_is_converted_without_a_listener(reports, clock: SteppedClock) -> None:
    microphone, link = Microphone(hum), Inverter(clock)
    pipeline = VoicePipeline(link, microphone, None, clock=clock, report=reports)
    pipeline.follow(DEFAULTS | {"/rvc/enable": True})
    for _ in range(300):
        clock.advance(0.01)
        microphone.hear(clock.now_s())
        pipeline.step()
    assert (pipeline.delay.device_s, pipeline.delay.total_s) == (0.0, pytest.approx(0.24))
    first, sound = pipeline.mixed.read(RATE_HZ)
    assert np.abs(sound[:, 0] + hum(np.arange(first, first + len(sound)))).max() < 1e-6


def test_a_failing_desk_reports_and_continues(reports, wait_for, clock: SteppedClock) -> None:
    link = Inverter(clock)
    microphone = Microphone(hum)
    pipeline = VoicePipeline(link, microphone, None, clock=clock, report=reports)
    write_voice, link.write_voice = link.write_voice, lambda block: 1 / 0
    pipeline.start()

    def time_goes_on() -> None:
        clock.advance(0.1)
        microphone.hear(clock.now_s())

    wait_for(lambda: time_goes_on() or "rvc.desk" in reports.keys, "the report")
    link.write_voice = write_voice
    wait_for(lambda: time_goes_on() or pipeline.mixed.newest > 0, "what is heard")
    pipeline.close()
