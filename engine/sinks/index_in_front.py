"""Moves the index of a finished MP4 or MOV to the front, so that a browser can play it while it
downloads.

Problem: a recording must play after a kill, so its index (`moov`) is written in fragments. The
whole index is only at the end of the file, but a player on the network has to read it first. Moving
it to the front shifts all data, so each chunk offset grows by the length of the index. Doing that
in place would leave an unplayable file after a kill.

Solution: write a second file, sync it to disk, then replace the first. If anything fails, the first
file is unchanged.

Boxes follow ISO 14496-12: length, kind, and a long length if length is 1. `stco` holds 32-bit chunk
offsets, `co64` 64-bit ones.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from engine.sinks.whole_file import partial_path
from engine.system.atomic_file import remove_file, replace_file

SUFFIXES = (".mp4", ".mov")
COPIED_BYTES = 8 * 2**20
MAX_32_BITS = 2**32 - 1
HEAD = struct.Struct(">I4s")
LONG_HEAD = struct.Struct(">I4sQ")
HOLDERS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
"""Boxes on the path to the chunk offset boxes."""
OFFSETS = {b"stco": "I", b"co64": "Q"}


def put_index_in_front(path: Path, may_continue: Callable[[], bool] = lambda: True) -> str:
    """Rewrite the finished movie `path` with its index in front. Idempotent.

    Returns "" on success, else the reason; the file is then unchanged. `may_continue` is called
    after every 8 MiB: when it returns False, the copy is abandoned. Needs disk space for a second
    file. Any thread; copies the whole file."""
    copy = partial_path(path)
    try:
        with path.open("rb") as file:
            boxes = dict(boxes_of(file))  # the last one of each kind
            begin, end = boxes.get(b"moov", (0, 0))
            if not end or b"mdat" not in boxes:
                return "no index found"
            if begin < boxes[b"mdat"][0]:
                return ""
            front = boxes[b"ftyp"][1] if b"ftyp" in boxes else 0
            size = os.fstat(file.fileno()).st_size
            index = _shift_offsets(_read(file, begin, end), size)
            with copy.open("wb") as out:
                out.write(_read(file, 0, front) + index)
                for first, last in ((front, begin), (end, size)):
                    for at in range(first, last, COPIED_BYTES):
                        if not may_continue():
                            return "not enough time"
                        out.write(_read(file, at, min(at + COPIED_BYTES, last)))
                        out.flush()
                        os.fsync(out.fileno())  # otherwise a power cut could destroy both files
        replace_file(copy, path)
        return ""
    except OSError as error:
        return error.strerror or str(error)
    finally:
        with suppress(OSError):
            remove_file(copy, missing_ok=True)


def boxes_of(file: BinaryIO) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Kind, and start and end in bytes, of the file's top-level boxes; the last one may end beyond
    the file."""
    size = os.fstat(file.fileno()).st_size
    at = 0
    while at + LONG_HEAD.size <= size:
        length, kind, long_length = LONG_HEAD.unpack(_read(file, at, at + LONG_HEAD.size))
        end = size if length == 0 else at + max(long_length if length == 1 else length, HEAD.size)
        yield kind, (at, end)
        at = end


def _shift_offsets(index: bytes, size: int) -> bytes:
    """The index, adjusted for data that follows it, for a file of `size` bytes."""
    is_long = size + 2 * len(index) > MAX_32_BITS
    return _rebuild(index, len(_rebuild(index, 0, is_long)), is_long)


def _rebuild(boxes: bytes, shift: int, is_long: bool) -> bytes:
    """The same boxes with `shift` added to the chunk offsets, which have 64 bits if `is_long`."""
    built = []
    at = 0
    while at < len(boxes):
        length, kind = HEAD.unpack_from(boxes, at)
        content = boxes[at + HEAD.size : at + length]
        at += max(length, HEAD.size)
        if kind in HOLDERS:
            content = _rebuild(content, shift, is_long)
        elif kind in OFFSETS:
            (count,) = struct.unpack_from(">I", content, 4)
            offsets = struct.unpack_from(f">{count}{OFFSETS[kind]}", content, 8)
            kind = b"co64" if is_long else b"stco"
            content = content[:8] + struct.pack(
                f">{count}{OFFSETS[kind]}", *(offset + shift for offset in offsets)
            )
        built.append(HEAD.pack(HEAD.size + len(content), kind) + content)
    return b"".join(built)


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(end - begin)
