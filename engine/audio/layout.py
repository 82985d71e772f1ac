"""Channel layout: maps the source's channels to the four that are analysed and drawn."""

import numpy as np

from engine.audio.crossover import BANDS, BandSplitter
from engine.values import CHANNELS


def resolve_layout(layout: str, source_channels: int) -> str:
    """Resolve "auto": direct for four source channels or more, stereo for two or three, mono for one. Pure."""
    if layout != "auto":
        return layout
    return "direct" if source_channels >= CHANNELS else "stereo" if source_channels > 1 else "mono"


class ChannelLayout:
    """Analyser thread; blocks of `frames` samples.

    direct: layer n hears source channel `channel_map[n]`, counted from 1; silence if the source has no such channel
    stereo: left, right, their mean below 250 Hz, their mean above 4 kHz; a mono source is both left and right
    mono:   four bands of the mean of all channels, meeting at 250, 1000 and 4000 Hz
    """

    def __init__(self, sample_rate_hz: int, source_channels: int, frames: int) -> None:
        self._source_channels = source_channels
        self._frames = frames
        self._splitter = BandSplitter(sample_rate_hz, frames)
        self._current = ""

    def spread(self, block: np.ndarray, layout: str, channel_map: tuple[int, ...]) -> np.ndarray:
        """(4, frames) float32 of `block` (frames, source channels) float32."""
        layout = resolve_layout(layout, self._source_channels)
        if layout != self._current:
            self._splitter.clear()
            self._current = layout
        if layout == "direct":
            return self._direct(block, channel_map)
        if layout == "stereo":
            pair = block[:, :2].T if self._source_channels > 1 else np.repeat(block.T, 2, axis=0)
            return np.concatenate([pair, self._splitter.split(pair.mean(axis=0), (0, BANDS - 1))])
        return self._splitter.split(block.mean(axis=1), tuple(range(BANDS)))

    def _direct(self, block: np.ndarray, channel_map: tuple[int, ...]) -> np.ndarray:
        spread = np.zeros((CHANNELS, self._frames), np.float32)
        for layer, channel in enumerate(channel_map):
            if channel <= self._source_channels:
                spread[layer] = block[:, channel - 1]
        return spread
