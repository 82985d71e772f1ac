"""The built-in loop: kick, bass line, pad and arpeggio, four bars at 125 bpm, one instrument per
channel.

Synthesised at start, so that `multiverse run` shows something on a machine without a sound card.
Notes wrap around the end of the loop, so their tails continue at the beginning without a seam. Am F
C G, one bar each; in every instrument the fundamental is the strongest partial, so that each
layer's colour follows the note.
"""

import numpy as np

from engine.audio.feed import LoopFeed

SAMPLE_RATE_HZ = 48_000
BPM = 125.0
BARS = 4
STEP = 5760  # samples in a sixteenth: 48 000 * 60 / 125 / 4, a whole number
LOOP_FRAMES = BARS * 16 * STEP  # 7.68 s

# MIDI notes, one row per bar.
BASS = (45, 41, 48, 43)  # A2 F2 C3 G2
# sixteenth in the bar, semitones above the root
BASS_STEPS = ((0, 0), (3, 0), (6, 12), (8, 0), (11, 0), (14, 7))
PAD = ((57, 64, 72), (57, 65, 69), (55, 64, 72), (59, 62, 67))
# the middle voice is the loudest: its colour differs from the bass's
PAD_LEVELS = (0.45, 1.0, 0.35)
ARPEGGIO = ((69, 72, 76, 81), (69, 72, 77, 84), (67, 72, 76, 79), (67, 71, 74, 83))
ARPEGGIO_ORDER = (0, 1, 2, 3, 2, 1, 2, 3, 0, 2, 1, 3, 2, 3, 1, 2)
KICK_STEPS = (0, 4, 8, 12)
LAST_BAR_KICKS = (0, 4, 8, 12, 14)


def midi_hz(note: float) -> float:
    hz: float = 440.0 * 2.0 ** ((note - 69.0) / 12.0)
    return hz


def demo_feed(rate_hz: int = SAMPLE_RATE_HZ) -> LoopFeed:
    loop = synthesise_loop()
    if rate_hz != SAMPLE_RATE_HZ:
        import soxr

        loop = soxr.resample(loop, SAMPLE_RATE_HZ, rate_hz)
    return LoopFeed(loop, rate_hz, f"demo loop (4 channels, {rate_hz} Hz)")


def synthesise_loop() -> np.ndarray:
    """(368 640, 4) float32, 7.68 s at 48 kHz: kick, bass, pad, arpeggio; peaks between -12 and -6
    dBFS."""
    loop = np.zeros((4, LOOP_FRAMES), np.float32)
    for bar in range(BARS):
        start = bar * 16 * STEP
        for step in LAST_BAR_KICKS if bar == BARS - 1 else KICK_STEPS:
            _add(loop[0], start + step * STEP, _kick())
        for step, above in BASS_STEPS:
            _add(loop[1], start + step * STEP, _bass(midi_hz(BASS[bar] + above)))
        for note, level in zip(PAD[bar], PAD_LEVELS, strict=True):
            _add(loop[2], start, level * _pad(midi_hz(note)))
        for step, degree in enumerate(ARPEGGIO_ORDER):
            accent = 1.0 if step % 4 == 0 else 0.6 if step % 2 else 0.8
            _add(loop[3], start + step * STEP, accent * _pluck(midi_hz(ARPEGGIO[bar][degree])))
    peaks = np.abs(loop).max(axis=1, keepdims=True)
    loop *= np.array([[0.45], [0.4], [0.35], [0.4]], np.float32) / peaks  # -6.9, -8, -9.1, -8 dBFS
    return np.ascontiguousarray(loop.T)


def _add(channel: np.ndarray, start: int, note: np.ndarray) -> None:
    before_end = min(len(note), LOOP_FRAMES - start)
    channel[start : start + before_end] += note[:before_end]
    channel[: len(note) - before_end] += note[before_end:]


def _time_s(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * SAMPLE_RATE_HZ), dtype=np.float32) / np.float32(SAMPLE_RATE_HZ)


def _fade_out(note: np.ndarray, seconds: float = 0.01) -> np.ndarray:
    """Fade the end of the note to zero, instead of cutting it."""
    frames = round(seconds * SAMPLE_RATE_HZ)
    note[-frames:] *= np.linspace(1.0, 0.0, frames, dtype=np.float32)
    return note


def _kick() -> np.ndarray:
    t = _time_s(0.48)
    sweep_s = 0.03
    cycles = 49.0 * t + 130.0 * sweep_s * (1.0 - np.exp(-t / sweep_s))  # falls from 179 Hz to 49
    return _fade_out(np.sin(2 * np.pi * cycles) * np.exp(-t / 0.18))


def _bass(hz: float) -> np.ndarray:
    t = _time_s(0.5)
    bright = np.exp(-t / 0.06)
    phase = np.float32(2 * np.pi * hz) * t
    wave = np.sin(phase) + 0.45 * bright * np.sin(2 * phase) + 0.25 * bright * np.sin(3 * phase)
    return _fade_out(wave * np.exp(-t / 0.3) * np.minimum(1.0, t / 0.004))


def _pad(hz: float) -> np.ndarray:
    t = _time_s(16 * STEP / SAMPLE_RATE_HZ + 0.4)
    phase = np.float32(2 * np.pi * hz) * t
    detuned = np.sin(phase) + 0.6 * np.sin(phase * np.float32(1.003))
    swell = np.minimum(1.0, t / 0.5) * np.minimum(1.0, (t[-1] - t) / 0.5)
    pad: np.ndarray = (
        detuned * swell * swell * (1.0 - 0.25 * np.cos(np.float32(2 * np.pi * BPM / 60 / 2) * t))
    )
    return pad


def _pluck(hz: float) -> np.ndarray:
    t = _time_s(0.36)
    phase = np.float32(2 * np.pi * hz) * t
    wave = np.sin(phase + 0.9 * np.exp(-t / 0.03) * np.sin(2 * phase))
    return _fade_out(wave * np.exp(-t / 0.12) * np.minimum(1.0, t / 0.002))
