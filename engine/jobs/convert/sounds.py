"""Reads sound from any file that libsndfile or FFmpeg supports, block by block.

Each is opened twice: to check it before the model is loaded, and to read it. Reads up to any
damage, with a note.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from engine.audio.decoded_track import DecodedTrack
from engine.audio.file import MAX_CHANNELS, RATES_HZ, missing_end
from engine.errors import AudioError
from engine.system.media_file import open_sound_file, promised_frames, unread_part_line

if TYPE_CHECKING:
    import soundfile

BLOCK_S = 1.0


class Sound(Protocol):
    """An input file with sound. The constructor and `blocks` raise AudioError, in one line."""

    path: Path
    rate_hz: int
    channels: int
    layout: str
    """FFmpeg's name of its channel layout: mono, stereo, 5.1(side); 6 channels, if they name no
    loudspeakers."""
    promised_s: float | None
    """Length according to its header."""
    has_video: bool
    index: int
    """Index of the audio track among all streams of the file."""
    subtype: str
    """libsndfile's name of the sample format; "" for lossy ones that it cannot read, and for 16
    bits."""
    begins_s: Fraction
    """Time of the first sample from the start of the file. Valid after the first block."""
    notes: list[str]
    """Notes for the user, without the file's name."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield blocks of (n, channels) float32, n > 0; may be outside -1..1 or NaN."""
        ...


class DecodedSound(DecodedTrack):
    """A Sound that FFmpeg decodes."""

    def __init__(self, path: Path, same: "FileSound | None" = None) -> None:
        """`same`: the file as libsndfile reads it, which knows more of its header."""
        super().__init__(path)
        if same:
            self.subtype = same.subtype
            self.promised_s = same.promised_s
            self.knows_its_length = True

    def blocks(self) -> Iterator[np.ndarray]:
        at_once = round(BLOCK_S * self.rate_hz)
        gathered = []
        count = 0
        read = 0
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
            self.notes += missing_end(self.promised_s, read / self.rate_hz)


def open_sound(path: Path) -> Sound:
    """Open and check a file; AudioError in one line if no sound in it can be decoded."""
    import soundfile

    try:
        with open_sound_file(path) as file:
            plain = FileSound(path, file)
        sound: Sound = plain
    except (
        soundfile.LibsndfileError,
        OSError,
    ):  # FFmpeg may be able to read it, and has the better error message
        sound = DecodedSound(path)
    else:
        if not plain.promised_s:
            sound = DecodedSound(path, same=plain)
            with closing(sound.pieces()) as pieces:
                if next(pieces, None) is None:
                    raise AudioError(f"{path}: there is no sound in it")
        elif sound.channels > 2:
            # libsndfile does not tell the loudspeakers, whose order depends on the format
            with suppress(AudioError):
                sound = DecodedSound(path, same=plain)
    if not RATES_HZ[0] <= sound.rate_hz <= RATES_HZ[1]:
        raise AudioError(f"{path}: {sound.rate_hz} Hz is outside {RATES_HZ[0]}..{RATES_HZ[1]} Hz")
    if sound.channels > MAX_CHANNELS:
        raise AudioError(
            f"{path}: {sound.channels} channels; at most {MAX_CHANNELS} can be converted"
        )
    sound.notes += filter(None, [unread_part_line(path)])
    return sound


class FileSound:
    """A Sound that libsndfile reads."""

    has_video = False
    index = 0
    begins_s = Fraction(0)

    def __init__(self, path: Path, file: "soundfile.SoundFile") -> None:
        self.path = path
        self.rate_hz = file.samplerate
        self.channels = file.channels
        self.subtype = file.subtype
        self.layout = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        self.notes: list[str] = []
        self.promised_s = promised_frames(file, path) / self.rate_hz

    def blocks(self) -> Iterator[np.ndarray]:
        import soundfile

        read = 0
        try:
            with open_sound_file(self.path) as file:
                while len(
                    block := file.read(
                        round(BLOCK_S * self.rate_hz), dtype="float32", always_2d=True
                    )
                ):
                    read += len(block)
                    yield block
        except (soundfile.LibsndfileError, OSError) as error:
            if not read:
                reason = (
                    getattr(error, "error_string", None)
                    or getattr(error, "strerror", None)
                    or str(error)
                )
                raise AudioError(f"{self.path}: {reason.rstrip('.')}") from None
            self.notes.append(f"damaged at {read / self.rate_hz:.1f} s; the rest is ignored")
            return
        self.notes += missing_end(self.promised_s, read / self.rate_hz)
