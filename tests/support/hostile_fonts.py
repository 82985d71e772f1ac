"""Fonts and logos that try to hang, crash or fill the machine, by file name: always the same
bytes."""

import io
import struct
import zlib
from pathlib import Path
from typing import Final

from PIL import Image

FAN_OUT: Final = "fan.ttf"
"""35 kB; each of its six levels draws the one below it a thousand times."""


def write_hostile(folder: Path) -> None:
    """Put the fonts into `fonts` and the logos into `logos` of this folder."""
    for name, data in (hostile_fonts() | hostile_logos()).items():
        inner = folder / ("fonts" if name.endswith((".ttf", ".otf", ".ttc")) else "logos")
        inner.mkdir(parents=True, exist_ok=True)
        (inner / name).write_bytes(data)


def hostile_fonts() -> dict[str, bytes]:
    square = simple_glyph([(0, 0), (0, 700), (600, 700), (600, 0)])
    good = font([square] * 2)
    return {
        FAN_OUT: font(
            [b"", b"", *(composite(level, 1000) for level in range(1, 7))], glyph_index=7
        ),
        "vast.ttf": font(
            [simple_glyph([(-32000, -32000), (-32000, 32000), (32000, 32000), (32000, -32000)])]
            * 2,
            16,
        ),
        "wide.ttf": font([square] * 2, units=16, advance=65535),
        "cut.ttf": good[: len(good) // 2],
        "lost.ttf": good.replace(b"glyf", b"gone"),
        "many.ttc": b"ttcf" + struct.pack(">HHI", 1, 0, 0xFFFFFFFF) + b"\xff" * 400,
    }


def hostile_logos() -> dict[str, bytes]:
    return {
        "line.png": png(4096, 1),
        "bomb.png": png(60000, 60000),
        "large.png": png(4096, 4096),
        "cut.png": png(64, 64)[:60],
        "pole.webp": saved(Image.new("RGBA", (1, 4096), (255, 0, 0, 255)), "WEBP"),
        "letters.png": b"no picture at all",
    }


def png(width: int, height: int) -> bytes:
    """A PNG of this size, whose pixels are all white as far as they are in the file: 64 MB at
    most."""
    data = b"\x00" + b"\xff" * ((width + 7) // 8)
    rows = zlib.compress(data * min(height, 4096), 9)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)),
        (b"IDAT", rows),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(each)) + kind + each + struct.pack(">I", zlib.crc32(kind + each))
        for kind, each in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def saved(image: Image.Image, kind: str) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind)
    return stream.getvalue()


def font(
    glyphs: list[bytes], units: int = 1000, *, advance: int = 650, glyph_index: int = 1
) -> bytes:
    """A TrueType font of these glyphs in which one glyph stands for all letters from the space to
    the tilde."""
    offsets, data = [0], b""
    for glyph in glyphs:
        data += glyph + bytes(-len(glyph) % 4)
        offsets.append(len(data))
    metrics = struct.pack(">Hh", advance, 0) * len(glyphs)
    cmap = struct.pack(">HHHHI", 0, 1, 3, 1, 12) + struct.pack(">HHHHH", 6, 10 + 2 * 95, 0, 32, 95)
    tables = {
        b"cmap": cmap + struct.pack(">H", glyph_index) * 95,
        b"glyf": data or bytes(4),
        b"head": struct.pack(
            ">IIIIHHQQhhhhHHhhh", 1 << 16, 0, 0, 0x5F0F3CF5, 0, units, 0, 0, *[0] * 5, 8, 0, 1, 0
        ),
        b"hhea": struct.pack(
            ">IhhhHhhhhhhhhhhhH", 1 << 16, units, 0, 0, advance, *[0] * 11, len(glyphs)
        ),
        b"hmtx": metrics,
        b"loca": struct.pack(f">{len(offsets)}I", *offsets),
        b"maxp": struct.pack(
            ">IHHHHHHHHHHHHHH", 1 << 16, len(glyphs), 64, 8, 64, 8, 2, *[0] * 6, 2000, 16
        ),
    }
    offset, records, body = 12 + 16 * len(tables), b"", b""
    for name, table in tables.items():
        records += struct.pack(">4sIII", name, 0, offset + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return struct.pack(">IHHHH", 1 << 16, len(tables), 64, 2, 48) + records + body


def simple_glyph(points: list[tuple[int, int]]) -> bytes:
    """One contour of straight lines."""
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    head = struct.pack(">hhhhh", 1, min(xs), min(ys), max(xs), max(ys))
    steps = [
        [now - before for before, now in zip([0, *each], each, strict=False)] for each in (xs, ys)
    ]
    wrapped = [(step + 32768) % 65536 - 32768 for each in steps for step in each]
    count = len(points)
    return head + struct.pack(f">HH{count}B{2 * count}h", count - 1, 0, *[1] * count, *wrapped)


def composite(part: int, count: int) -> bytes:
    """Glyph `part`, `count` times."""
    more, last = (struct.pack(">HHbb", flags, part, 0, 0) for flags in (0x22, 0x02))
    return struct.pack(">hhhhh", -1, 0, 0, 600, 700) + more * (count - 1) + last
