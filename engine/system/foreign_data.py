"""Bounds for packed data of foreign files: what it would unpack to is known before memory is taken for it."""

import io
import struct
import zlib


def inflated(packed: bytes, *, max_bytes: int) -> bytes:
    """The data of a zlib stream. ValueError if it is damaged or unpacks to more than `max_bytes`."""
    unpacking = zlib.decompressobj()
    try:
        data = unpacking.decompress(packed, max_bytes + 1)
    except zlib.error as error:
        raise ValueError(f"its data is damaged: {error}") from error
    if len(data) > max_bytes:
        raise ValueError(f"its data unpacks to more than {max_bytes} bytes")
    if not unpacking.eof:
        raise ValueError("its data is damaged: it is cut off")
    return data


def picture_size_px(content: bytes, formats: tuple[str, ...] = ("PNG", "JPEG")) -> tuple[int, int] | None:
    """Width and height of a picture from its header, without decoding it; None if it is in none of these formats.

    `formats`: names as Pillow writes them.
    """
    from PIL import Image

    Image.init()
    for name in formats:
        opens, accepts = Image.OPEN[name]
        if accepts is not None and accepts(content[:16]) is not True:
            continue
        try:
            with opens(io.BytesIO(content), "") as image:  # Image.open refuses large ones without their size
                return image.size
        except (OSError, ValueError, SyntaxError, EOFError, struct.error):
            continue
    return None
