"""Bounds for packed data of foreign files: what it would unpack to is known before memory is taken for it."""

import io
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


def picture_size_px(content: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG or JPEG from its header, without decoding it; None for anything else."""
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile

    for kind in (PngImageFile, JpegImageFile):  # Image.open refuses large ones without their size
        try:
            with kind(io.BytesIO(content)) as image:
                return image.size
        except (OSError, ValueError, SyntaxError, EOFError):
            continue
    return None
