"""Analyses sound in hops of 10 ms: source samples in, `AudioFeatures` out.

Hops have fixed positions (sample 0, 441, 882, ... at 44.1 kHz) however the samples arrive, so live
capture in blocks of any size, a file and an offline run all give the same features. Each step
handles all four channels in one NumPy call, because this thread shares the GIL with the frame loop.
Beat and drums are detected in the sum of all source channels, before layout and gain; drums in
their stem if there is one.

Set gain + automatic gain scales waves and levels; silence detection (pitch, onsets) works before
it, at -60 dBFS RMS.
"""

from copy import copy
from dataclasses import replace

import numpy as np

from engine.audio.beat import BeatTracker
from engine.audio.drums import DrumDetector
from engine.audio.layout import ChannelLayout
from engine.audio.levels import AutoGain, EnvelopeFollower
from engine.audio.onset import MonoFlux, OnsetDetector
from engine.audio.pitch import (
    FIRST_PITCHES_HZ,
    HOLD_BELOW_RMS,
    HueGlide,
    PitchFollower,
    pitch_hues,
    strongest_hz,
    tone_fraction,
)
from engine.audio.section import SectionDetector
from engine.audio.settings import AudioSettings
from engine.audio.spectrum import BandPlan, hann, power_spectrum, spectrum_frames
from engine.audio.window import History, WaveWindow
from engine.system.reporting import Report
from engine.values import CHANNELS, AudioFeatures, ChannelFeatures

HOP_S = 0.01


class Analyser:
    """Analyses one sound source hop by hop, and holds the state between hops. Used by one
    thread."""

    def __init__(
        self,
        sample_rate_hz: int,
        report: Report = lambda key, line: None,
        *,
        may_wait: bool = False,
    ) -> None:
        self.hop_frames = round(sample_rate_hz * HOP_S)
        self.samples_analysed = 0
        """Source samples consumed, including those that the caller skipped: the next hop starts
        here."""
        hop_s = self.hop_frames / sample_rate_hz
        frames = spectrum_frames(sample_rate_hz)
        self._rate_hz = sample_rate_hz
        self.layout = ChannelLayout(sample_rate_hz, self.hop_frames, report, may_wait=may_wait)
        self._history = History(sample_rate_hz)
        self._window = hann(frames)
        self._plan = BandPlan(sample_rate_hz, frames)
        self._onset_window = hann(frames // 2)
        self._onset_plan = BandPlan(sample_rate_hz, frames // 2)
        self._gain = AutoGain(hop_s)
        self._pitch = PitchFollower(hop_s)
        self._hue = HueGlide(hop_s, FIRST_PITCHES_HZ)
        self._outgoing_hue: HueGlide | None = None
        """The hue glide of the outgoing look: continues with its own glide time."""
        self._outgoing_hues = np.zeros(CHANNELS)
        self._outgoing_deck = 0
        self._onset = OnsetDetector(self._onset_plan.count, hop_s)
        self._flux = MonoFlux(sample_rate_hz, self.hop_frames)
        self._drum_flux = MonoFlux(sample_rate_hz, self.hop_frames)
        self._beat = BeatTracker(hop_s, self._flux.centres_hz)
        self._drums = DrumDetector(hop_s, self._flux.centres_hz)
        self._section = SectionDetector(hop_s, self._flux.centres_hz)
        self._hits = [0, 0, 0]
        """Kick, snare and hat hits so far."""
        self._envelope = EnvelopeFollower(sample_rate_hz, self.hop_frames)
        self._wave = WaveWindow(sample_rate_hz)
        self._outgoing_wave = WaveWindow(sample_rate_hz)
        self._onset_counts = np.zeros(CHANNELS, int)
        first_hz = np.array(FIRST_PITCHES_HZ)
        self._measured: dict[str, np.ndarray] = {"pitch_hz": first_hz, "hue": pitch_hues(first_hz)}
        """Fields of ChannelFeatures as measured in the newest hop, by name, each (4,)."""
        self._gain_linear = np.ones(CHANNELS)

    @property
    def next_hop_end(self) -> int:
        """Number of source samples needed before the next hop can be analysed."""
        return self.samples_analysed + self.hop_frames

    def hop(
        self, block: np.ndarray, settings: AudioSettings, voice: np.ndarray | None = None
    ) -> None:
        """Analyse the next `hop_frames` samples: (hop_frames, source channels) float32 in [-1, 1];
        `features` returns the result. `voice`, (hop_frames,), is the voice audible at that time; it
        replaces channel `voice_channel`."""
        spread = self.layout.spread(block, settings.layout, settings.channel_map)  # (4, hop)
        flux = self._flux.step(block.mean(axis=1))
        if self.layout.has_stems:
            self._drum_flux.step(spread[0])
        drums = self._drum_flux if self.layout.has_stems else self._flux
        if voice is not None and settings.voice_channel:
            spread[settings.voice_channel - 1] = voice
        self._history.append(spread)
        self.samples_analysed += self.hop_frames
        is_kick, is_snare, is_hat = self._drums.step(drums.level)
        self._beat.step(flux, is_snare=is_snare, is_kick=is_kick)
        self._section.step(self._flux.level, is_kick=is_kick, bpm=self._beat.bpm)
        self._hits = [
            hits + is_hit
            for hits, is_hit in zip(self._hits, (is_kick, is_snare, is_hat), strict=True)
        ]
        loudness = np.abs(spread)
        gain_db = self._gain.step(loudness.max(axis=1), settings.auto) + settings.gain_db
        gain = 10.0 ** (gain_db / 20.0)
        recent = self._history.latest(len(self._window))  # (4, n)
        power = power_spectrum(recent, self._window)  # (4, n/2 + 1)
        mean_squares = self._plan.mean_squares(power)  # (4, fine bands)
        newest_power = power_spectrum(
            self._history.latest(len(self._onset_window)), self._onset_window
        )
        newest_mean_squares = self._onset_plan.mean_squares(newest_power)  # (4, fine bands)
        rms = _rms(recent)
        peak = np.abs(recent).max(axis=1)
        # Only the newest hop decides: what remains of a note that ended is too short to have a
        # pitch.
        has_pitch = _rms(spread) >= HOLD_BELOW_RMS
        detected_hz = strongest_hz(power, self._rate_hz)
        pitch_hz = self._pitch.follow(detected_hz, has_pitch)
        hue_input = (
            detected_hz,
            tone_fraction(power, detected_hz, self._rate_hz),
            has_pitch,
            pitch_hz,
        )
        old = settings.outgoing
        if old is None:
            self._outgoing_hue = None
        else:
            if self._outgoing_hue is None or self._outgoing_deck != settings.outgoing_deck:
                # it continues from the hue on screen
                self._outgoing_hue = copy(self._hue)
                self._outgoing_deck = settings.outgoing_deck
            self._outgoing_hues, _ = self._outgoing_hue.follow(
                *hue_input, old.hue_glide_ms, old.is_hue_circle
            )
        hue, confidence = self._hue.follow(
            *hue_input, settings.hue_glide_ms, settings.is_hue_circle
        )
        onset = self._onset.step(np.sqrt(newest_mean_squares), gain, rms >= HOLD_BELOW_RMS)
        self._onset_counts += onset > 0
        low, mid, high = self._plan.low_mid_high(mean_squares) * gain
        envelope = self._envelope.follow(loudness * gain[:, None], settings.decay_ms)
        self._gain_linear = gain
        levels = {"rms": rms * gain, "peak": peak * gain, "envelope": envelope, "gain_db": gain_db}
        pitch = {"pitch_hz": pitch_hz, "pitch_confidence": confidence, "hue": hue}
        self._measured = {**levels, **pitch, "onset": onset, "low": low, "mid": mid, "high": high}

    def features(self, settings: AudioSettings) -> AudioFeatures:
        """The newest hop's features and the waves that end with it. Before the first hop: silence,
        with a different pitch for each channel."""
        waves = self._cut(self._wave, settings)
        outgoing_waves = (
            None if settings.outgoing is None else self._cut(self._outgoing_wave, settings.outgoing)
        )
        columns = (each.tolist() for each in self._measured.values())
        channels = tuple(
            ChannelFeatures(onset_count=count, **dict(zip(self._measured, values, strict=True)))
            for count, *values in zip(self._onset_counts.tolist(), *columns, strict=True)
        )
        outgoing_channels = None
        if settings.outgoing is not None and self._outgoing_hue is not None:
            hues = self._outgoing_hues.tolist()
            outgoing_channels = tuple(
                replace(each, hue=hue) for each, hue in zip(channels, hues, strict=True)
            )
        return AudioFeatures(
            channels=channels,
            waves=waves,
            outgoing_waves=outgoing_waves,
            outgoing_channels=outgoing_channels,
            beat=replace(
                self._beat.features(*self._hits),
                section=self._section.section,
                bar_age_s=self._section.bar_age_s,
            ),
            end_sample=self.samples_analysed,
        )

    def close(self) -> None:
        self.layout.close()

    def _cut(self, window: WaveWindow, settings: AudioSettings) -> np.ndarray:
        waves = window.cut(
            self._history, settings.window_ms, settings.ratios, settings.width_px, settings.trigger
        )
        waves *= self._gain_linear[:, None]
        return np.clip(waves, -1.0, 1.0, out=waves)


def _rms(sound: np.ndarray) -> np.ndarray:
    rms: np.ndarray = np.sqrt(np.einsum("cn,cn->c", sound, sound) / sound.shape[1])
    return rms
