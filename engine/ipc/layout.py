"""The bytes of a frame ring: the one place that says where everything is. Stable; a change raises `VERSION`.

A ring is one shared memory segment: a header of 4096 bytes, then three slots. Every number is little-endian
and lies on a multiple of its size, so that one load or store moves it whole. Rows run from the top of the
picture.

    header
    offset  type  field             meaning
    0       S8    magic             b"MVRING\\0\\0", stored last at creation: before that it is no ring
    8       u4    version           1
    12      u4    state             1 open, 2 closed (the writer ended), 3 moved to `successor`
    16      u4    width             pixels
    20      u4    height            pixels
    24      u4    channels          1 grey, 3 RGB, 4 RGBA
    28      u4    pixel_format      1: uint8, display values, alpha premultiplied
    32      u4    row_stride        bytes from a row to the next
    36      u4    slot_count        3
    40      u8    slot_stride       bytes from a slot to the next
    48      u8    first_slot        offset of slot 0
    56      f8    fps               nominal frames a second, 0 when there is none
    64      u8    newest            number of the newest whole frame, which is in slot newest % 3; 0: none
    72      u8    heartbeat_ns      the writer's last sign of life, ns since 1970
    80      u8    writer_pid        process id
    88      f8    writer_start      when that process started (see process_identity), against reused ids
    96      u8    writer_namespace  Linux: number of the pid namespace the id counts in; 0 elsewhere
    104     u8    created_ns        ns since 1970; of several rings of one name the newest is meant
    128     S64   name              the texture's name, UTF-8, padded with zeros
    192     S32   successor         segment name, ASCII, set before `state` becomes 3

    slot
    offset  type  field             meaning
    0       u8    begin             number of the frame being written, stored before its first pixel
    8       u8    end               number of the frame that is whole, stored after its last pixel
    16      u8    index             FrameId.index
    24      f8    time_s            FrameId.time_s
    32      u8    generation        which prompt, size or take it belongs to: readers may discard older ones
    64      u1    pixels            row_stride * height bytes

Reading frame n: read `newest` = n, then `end` of slot n % 3, copy, then read `begin`. The copy is whole if
both are n. The writer goes round the slots, so a reader has two frame times before the slot under it is
written again. The writer's fields (80 to 112), `magic` and `version` keep their offsets in every version: any
engine can sweep any ring.
"""

from typing import Final

import numpy as np

MAGIC: Final = b"MVRING\0\0"
VERSION: Final = 1
SLOTS: Final = 3
HEADER_BYTES: Final = 4096
SLOT_PIXELS: Final = 64  # offset of the pixels in a slot
PAGE_BYTES: Final = 4096

OPEN, CLOSED, MOVED = 1, 2, 3
UINT8_DISPLAY: Final = 1

HEADER: Final = np.dtype(
    {
        "names": [
            *("magic", "version", "state", "width", "height", "channels", "pixel_format", "row_stride"),
            *("slot_count", "slot_stride", "first_slot", "fps", "newest", "heartbeat_ns", "writer_pid"),
            *("writer_start", "writer_namespace", "created_ns", "name", "successor"),
        ],
        "formats": [
            *("S8", "<u4", "<u4", "<u4", "<u4", "<u4", "<u4", "<u4"),
            *("<u4", "<u8", "<u8", "<f8", "<u8", "<u8", "<u8"),
            *("<f8", "<u8", "<u8", "S64", "S32"),
        ],
        "offsets": [0, 8, 12, 16, 20, 24, 28, 32, 36, 40, 48, 56, 64, 72, 80, 88, 96, 104, 128, 192],
        "itemsize": HEADER_BYTES,
    }
)

SLOT: Final = np.dtype(
    {
        "names": ["begin", "end", "index", "time_s", "generation"],
        "formats": ["<u8", "<u8", "<u8", "<f8", "<u8"],
        "offsets": [0, 8, 16, 24, 32],
        "itemsize": SLOT_PIXELS,
    }
)


def header_offset(field: str) -> int:
    """Bytes from the start of the segment to a field of the header."""
    return int(HEADER.fields[field][1])  # type: ignore[index]


def slot_stride(width: int, height: int, channels: int) -> int:
    """Bytes of one slot: its own header and the pixels, rounded up to whole pages."""
    return -(-(SLOT_PIXELS + width * height * channels) // PAGE_BYTES) * PAGE_BYTES


def segment_bytes(width: int, height: int, channels: int) -> int:
    """Bytes of the whole segment."""
    return HEADER_BYTES + SLOTS * slot_stride(width, height, channels)
