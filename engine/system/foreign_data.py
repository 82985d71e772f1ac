"""Bounds for packed data of foreign files: what it would unpack to is known before memory is taken
for it."""

import io
import struct
import zlib

PIECE_BYTES = 16 << 20


def inflated(packed: bytes, *, max_bytes: int) -> bytearray:
    """The data of a zlib stream. ValueError if it is damaged or unpacks to more than
    `max_bytes`."""
    unpacking = zlib.decompressobj()
    data = bytearray()
    while packed and not unpacking.eof and len(data) <= max_bytes:
        try:  # in pieces, because zlib takes twice the memory of what it returns
            data += unpacking.decompress(packed, min(PIECE_BYTES, max_bytes + 1 - len(data)))
        except zlib.error as error:
            raise ValueError(f"its data is damaged: {error}") from error
        packed = unpacking.unconsumed_tail
    if len(data) > max_bytes:
        raise ValueError(f"its data unpacks to more than {max_bytes} bytes")
    if not unpacking.eof:
        raise ValueError("its data is damaged: it is cut off")
    return data


def picture_size_px(
    content: bytes, formats: tuple[str, ...] = ("PNG", "JPEG")
) -> tuple[int, int] | None:
    """Width and height of a picture from its header, without decoding it; None if it is in none of
    these formats. `formats`: names as Pillow writes them. ValueError for a WebP of more than 179
    million pixels."""
    from PIL import Image

    Image.init()
    for name in formats:
        opens, accepts = Image.OPEN[name]
        if accepts is not None and accepts(content[:16]) is not True:
            continue
        try:
            with opens(
                io.BytesIO(content), ""
            ) as image:  # Image.open refuses large ones without their size
                return image.size
        except Image.DecompressionBombError:  # of a WebP Pillow does not report the size first
            raise ValueError("a picture of more than 179 million pixels") from None
        except (OSError, ValueError, SyntaxError, EOFError, struct.error):
            continue
    return None
