"""Move the index of a finished MP4 or MOV to its front, so that a browser plays it before all of it is there.

Problem: a recording must play after a kill, so its index (`moov`) is written in fragments and at last as a whole, at
the end of the file. A player on the network has to read to the end first. In front it must name places behind itself:
each chunk offset grows by the length of the index. Doing that inside the file means shifting all of it, and a kill in
the middle of that leaves nothing. So a second file is written, whole and on the disk, and takes the place of the first:
whatever fails, the first one stays as it was, and plays.

Boxes are those of ISO 14496-12: length, kind, and a long length where length is 1. `stco` holds chunk offsets of 32
bits, `co64` of 64.
"""

import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.sinks.whole_file import partial_path
from engine.system.atomic_file import remove_file, replace_file

SUFFIXES = (".mp4", ".mov")
COPIED_BYTES = 8 * 2**20
MAX_32_BITS = 2**32 - 1
HEAD, LONG_HEAD = struct.Struct(">I4s"), struct.Struct(">I4sQ")
HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
"""Boxes of boxes on the way to the chunk offsets."""
OFFSETS = {b"stco": "I", b"co64": "Q"}


def put_index_in_front(path: Path, is_wanted: Callable[[], bool] = lambda: True) -> str:
    """Rewrite the finished movie `path` with its index in front; idempotent.

    Returns "" when it is there, else why it stays at the end; the file then is as it was. `is_wanted` is asked for
    every 8 MiB that are on the disk: once it is False the copy is given up. Needs room for a second file. Any thread;
    reads and writes the whole file.
    """
    copy = partial_path(path)
    try:
        with path.open("rb") as file:
            places = _places_of(file)
            begin, end = places.get(b"moov", (0, 0))
            if not end or b"mdat" not in places:
                return "no index was found in it"
            if begin < places[b"mdat"][0]:
                return ""
            front = places[b"ftyp"][1] if b"ftyp" in places else 0
            size = os.fstat(file.fileno()).st_size
            index = _moved_back(_read(file, begin, end), size)
            with copy.open("wb", buffering=0) as out:
                _write(out, _read(file, 0, front))
                _write(out, index)
                for first, last in ((front, begin), (end, size)):
                    for at in range(first, last, COPIED_BYTES):
                        if not is_wanted():
                            return "there was no time to move it"
                        _write(out, _read(file, at, min(at + COPIED_BYTES, last)))
                        os.fsync(out.fileno())  # else a power cut may leave neither of the two files
        replace_file(copy, path)
        return ""
    except OSError as error:
        return error.strerror or str(error)
    finally:
        with suppress(OSError):
            remove_file(copy, missing_ok=True)


def _places_of(file: BinaryIO) -> dict[bytes, tuple[int, int]]:
    """Begin and end in bytes of each kind of box that the file consists of, the last of its kind."""
    size, at = os.fstat(file.fileno()).st_size, 0
    places = {}
    while at + LONG_HEAD.size <= size:
        length, kind, long_length = LONG_HEAD.unpack(_read(file, at, at + LONG_HEAD.size))
        end = size if length == 0 else at + max(long_length if length == 1 else length, HEAD.size)
        places[kind] = (at, end)
        at = end
    return places


def _moved_back(index: bytes, size: int) -> bytes:
    """The index for a file of `size` bytes in which the data stands behind it."""
    is_long = size + 2 * len(index) > MAX_32_BITS
    return _rebuilt(index, len(_rebuilt(index, 0, is_long)), is_long)


def _rebuilt(boxes: bytes, shift: int, is_long: bool) -> bytes:
    """The same boxes with chunk offsets that are larger by `shift`, of 64 bits if `is_long`."""
    built, at = [], 0
    while at < len(boxes):
        length, kind = HEAD.unpack_from(boxes, at)
        content = boxes[at + HEAD.size : at + length]
        at += max(length, HEAD.size)
        if kind in HOLDERS:
            content = _rebuilt(content, shift, is_long)
        elif kind in OFFSETS:
            (count,) = struct.unpack_from(">I", content, 4)
            offsets = struct.unpack_from(f">{count}{OFFSETS[kind]}", content, 8)
            kind = b"co64" if is_long else b"stco"
            content = content[:8] + struct.pack(f">{count}{OFFSETS[kind]}", *(offset + shift for offset in offsets))
        built.append(HEAD.pack(HEAD.size + len(content), kind) + content)
    return b"".join(built)


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)


def _write(out: BinaryIO, data: bytes) -> None:
    """All of it: a raw file may take less at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[out.write(rest) :]
