"""Reads the sound of videos, of surround files, and of those that libsndfile cannot read, in blocks of a second."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from engine.audio.decoded_track import DecodedTrack
from engine.errors import AudioError
from engine.jobs.convert.sound import BLOCK_S, note_missing_end


class DecodedSound(DecodedTrack):
    """See Sound."""

    def __init__(self, path: Path, subtype: str = "") -> None:
        super().__init__(path)
        self.subtype = subtype

    def blocks(self) -> Iterator[np.ndarray]:
        at_once, gathered, count, read = round(BLOCK_S * self.rate_hz), [], 0, 0
        for piece in self.pieces():
            gathered.append(piece)
            count += piece.shape[1]
            if count >= at_once:
                yield np.concatenate(gathered, axis=1).T
                gathered, count, read = [], 0, read + count
        if count:
            yield np.concatenate(gathered, axis=1).T
            read += count
        if not read:
            raise AudioError(f"{self.path}: it has no sound that can be decoded")
        if self.knows_its_length:
            note_missing_end(self, read / self.rate_hz)
