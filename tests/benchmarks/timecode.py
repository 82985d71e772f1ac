"""The LTC decoder on synthetic tapes with known labels: cost per second of sound, and the fraction
of frames read."""

import time
from typing import Any, Final

import numpy as np

from engine.audio.ltc import LtcDecoder
from tests.benchmarks.beat_songs import RATE_HZ
from tests.benchmarks.measuring import Progress
from tests.support.ltc_signal import Label, LtcSignal, ltc_signal

FPS: Final = 25
LEVEL: Final = 0.5
COST_S: Final = 20.0
FRAMES: Final = 250  # of a tape: ten seconds at its own speed
SPEEDS: Final = (0.6, 1.0, 2.0, -1.0)
NOISES_DB: Final = (20.0, 6.0, 3.0)  # of the square wave above the noise
BLOCK: Final = round(RATE_HZ * 0.01)


def measure(progress: Progress) -> dict[str, Any]:
    """Measure the fraction of frames read per tape, by speed and signal-to-noise ratio; wrong
    labels count apart."""
    progress("timecode", 0.0)
    sound = _tape(round(COST_S * FPS)).samples
    started_s = time.process_time()
    _decode(sound)
    cost_ms = 1000.0 * (time.process_time() - started_s) / COST_S
    read_fractions, wrong = {}, 0
    for number, speed in enumerate(SPEEDS):
        progress("timecode", number / len(SPEEDS))
        tape = _tape(FRAMES, speed)
        labels = set(tape.labels)
        for noise_db in NOISES_DB:
            noise = np.random.default_rng(1).normal(
                0.0, LEVEL * 10.0 ** (-noise_db / 20.0), tape.samples.size
            )
            read = _decode((tape.samples + noise).astype(np.float32))
            read_fractions[f"speed {speed:g}, SNR {noise_db:g} dB"] = round(
                len(set(read) & labels) / FRAMES, 3
            )
            wrong += sum(each not in labels for each in read)
    return {
        "cpu_ms_per_second_of_sound": round(cost_ms, 2),
        "frames_read": read_fractions,
        "wrong_frames": wrong,
    }


def _tape(frames: int, speed: float = 1.0) -> LtcSignal:
    return ltc_signal((1, 0, 0, 0), frames, sample_rate_hz=RATE_HZ, speed=speed, level=LEVEL)


def _decode(sound: np.ndarray) -> list[Label]:
    decoder = LtcDecoder(RATE_HZ, lambda sample: sample)
    return [
        (frame.hours, frame.minutes, frame.seconds, frame.frames)
        for at in range(0, sound.size, BLOCK)
        for frame in decoder.feed(sound[at : at + BLOCK])
    ]
