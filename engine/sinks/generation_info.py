"""How a picture or video was generated, for its metadata: prompt, settings, model and version of
the program.

The text has the form of the AUTOMATIC1111 web UI, which most tools for generated pictures read: the
prompt, a line `Negative prompt: ...` if there is one, and `Steps: 20, Seed: 1, ...`. In a PNG it is
the text chunk `parameters`, in a JPEG, WebP or TIFF the Exif tag UserComment, in a video the tag
`comment`; BMP has no field for it. It names no time and no folder, so that equal runs write equal
bytes.
"""

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.system.file_names import with_replacements

if TYPE_CHECKING:
    from PIL.PngImagePlugin import PngInfo

MAX_PROMPT = (
    8000  # characters of each prompt; a JPEG has room for 64 KiB of Exif, and one may take 4 bytes
)
# Exif 3.0, 4.6.5 and 4.6.6
_SOFTWARE = 0x0131
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_UTF_16 = b"UNICODE\0"  # character code of a UserComment; readers expect big-endian
_PNG_HEADER_BYTES = 33  # the signature and IHDR; text may stand anywhere behind them
_NEEDS_QUOTES = frozenset(',:\n"')


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    software: str
    """`multiverse 1.0`."""
    text: str

    def options(self, form: str) -> dict[str, Any]:
        if form == "PNG":
            return {"pnginfo": self._png_text()}
        from PIL import Image

        exif = Image.Exif()
        exif[_SOFTWARE] = self.software
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = _UTF_16 + self.text.encode("utf-16-be")
        # of an Exif object Pillow's TIFF writer drops the UserComment
        return {"exif": exif.tobytes()}

    def in_png(self, encoded: bytes | memoryview) -> bytes:
        """Insert this text into a PNG that was encoded elsewhere."""
        chunks = b"".join(_chunk(kind, content) for kind, content, *_ in self._png_text().chunks)
        return b"".join((encoded[:_PNG_HEADER_BYTES], chunks, encoded[_PNG_HEADER_BYTES:]))

    def _png_text(self) -> "PngInfo":
        from PIL.PngImagePlugin import PngInfo

        info = PngInfo()
        info.add_text("parameters", self.text)
        info.add_text("Software", self.software)
        return info


def generation_info(
    version: str, prompt: str, values: Mapping[str, Any], negative: str = ""
) -> GenerationInfo:
    """Build the metadata text of a picture or video from the prompt and the settings. `version`: of
    the program. `values`: the settings by their names in the web UI, except None. A prompt is cut
    at 8000 characters."""
    software = f"multiverse {version}"
    pairs = {name: value for name, value in values.items() if value is not None} | {
        "Version": software
    }
    lines = [
        prompt[:MAX_PROMPT],
        *([f"Negative prompt: {negative[:MAX_PROMPT]}"] if negative else []),
    ]
    lines.append(", ".join(f"{name}: {_quote(value)}" for name, value in pairs.items()))
    return GenerationInfo(software, with_replacements("\n".join(lines)).replace("\0", "\ufffd"))


def _quote(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return json.dumps(text, ensure_ascii=False) if _NEEDS_QUOTES.intersection(text) else text


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )
