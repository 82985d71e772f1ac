"""WAV and FLAC files without their true size, as programs leave them that were killed or cannot
seek back."""

import struct
from pathlib import Path

import numpy as np
import soundfile

SIZES = (0, 0x7FFF_F000, 0xFFFF_FFFF)  # a killed recorder; sox and FFmpeg into a pipe


def sounds_of_no_size(folder: Path, sound: np.ndarray, rate_hz: int = 16_000) -> list[Path]:
    """The same sound, 16 bits, with each of these sizes in its header, and in a FLAC that does not
    tell its length."""
    paths = []
    for size in SIZES:
        path = folder / f"{size}.wav"
        soundfile.write(path, sound, rate_hz, subtype="PCM_16")
        data = bytearray(path.read_bytes())
        at = data.index(b"data") + 4
        data[4:8] = data[at : at + 4] = struct.pack("<I", size)
        path.write_bytes(data)
        paths.append(path)
    soundfile.write(folder / "streamed.flac", sound, rate_hz, subtype="PCM_16")
    data = bytearray((folder / "streamed.flac").read_bytes())
    data[21:26] = bytes((data[21] & 0xF0, 0, 0, 0, 0))  # the number of samples, 36 bits
    (folder / "streamed.flac").write_bytes(data)
    return [*paths, folder / "streamed.flac"]
