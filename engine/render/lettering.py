"""Renders texts and reads logos with Pillow, into the images of graphic.py; finds fonts.

A font is a program, and a logo of a hundred bytes may claim gigabytes: FreeType can hang forever
and hold the GIL. So all this happens in a separate process with limits (`system/trial_process.py`),
which `GraphicsProcess` controls.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from engine.errors import RenderError
from engine.render.graphic import GraphicImage
from engine.system.small_file import read_small
from engine.system.translate_errors import Description, reason_of, translate_errors
from engine.system.trial_process import Answer, TrialProcess, serve_orders

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

FONT_SUFFIXES: Final = (".ttf", ".otf", ".ttc")
LOGO_FORMATS: Final = ("PNG", "WEBP", "JPEG", "GIF", "TIFF", "BMP")
MAX_FILE_BYTES: Final = 64 << 20  # fonts of Chinese have 20 MB
MAX_FONTS: Final = 5000
MAX_SIDE_PX: Final = (
    4096  # of an image that is read or rendered; larger ones are scaled on the screen
)
DEADLINE_S: Final = 5.0  # of processor time; a logo of 4096 x 4096 px takes one
MAX_GROWTH_BYTES: Final = 1 << 30
NICENESS: Final = 10  # between the show and a trial: a user waits for a text
LINE_SPACING: Final = 1.12  # from one baseline to the next, in font sizes
MAX_EXTENT: Final = 0.94  # fraction of the picture's width and height that a text may take
NEAREST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRequest:
    """Request for a text image. Hashable: equal ones look the same."""

    lines: tuple[str, ...]
    font: str
    """As in /text/<n>/font."""
    line_px: int
    """Requested line height; reduced if the text would not fit."""
    outline: float
    """Fraction of a line's height."""
    within_px: tuple[int, int]
    """Size of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoRequest:
    """Request for a logo image. Hashable."""

    file: str
    height_px: int


def name_of(request: TextRequest | LogoRequest) -> str:
    """Return the name of the request's font or file."""
    return request.file if isinstance(request, LogoRequest) else request.font or "the built-in font"


class HarmfulError(RenderError):
    """The font or the logo crashed the process twice, or hung it, and would do so again."""


class GraphicsProcess(TrialProcess):
    """Renders in a separate process, which starts with the first request."""

    wall_deadlines = 12.0  # it waits for nothing but a core

    def __init__(self, folder: Path) -> None:
        """`folder` holds the folders `fonts` and `logos`."""
        super().__init__("engine.render.lettering", f"main({str(folder)!r})", DEADLINE_S)

    def draw(
        self, request: TextRequest | LogoRequest, *, is_second: bool = False
    ) -> tuple[GraphicImage, str]:
        """Render a text or logo. Also returns a problem: characters that the font lacks, or "".
        RenderError; HarmfulError if the process hung, or crashed twice: once may be the system's
        doing, which is out of memory."""
        try:
            self.start()
        except (OSError, EOFError) as error:  # without a text if it has ended or takes too long
            ended = self.kill()
            if not is_second and isinstance(error, EOFError):
                return self.draw(request, is_second=True)
            why = (
                f"cannot be started ({reason_of(error) if str(error) else ended}); the next "
                "text tries again"
            )
            raise RenderError(f"the process that draws letters {why}") from None
        try:
            self.order(asdict(request))
            answer = self.receive()
            if "refusal" in answer:
                raise RenderError(answer["refusal"])
            pixels = self.receive_picture(answer["shape"])
        except TimeoutError:
            self.kill()
            raise HarmfulError(
                f"{name_of(request)}: not drawn in {self.deadline_s:g} s; choose another"
            ) from None
        except (EOFError, OSError, ValueError):
            ended = self.kill()
            if not is_second:
                return self.draw(request, is_second=True)
            raise HarmfulError(
                f"{name_of(request)}: ended the process that draws it twice ({ended})"
            ) from None
        return GraphicImage(pixels=pixels, height_px=answer["height_px"]), answer["problem"]


def main(folder: str) -> None:
    """Answer requests until the input closes."""
    fonts = FontCache(Path(folder) / "fonts")
    logos = Path(folder) / "logos"
    serve_orders(
        lambda: partial(_answer, fonts, logos), niceness=NICENESS, max_growth_bytes=MAX_GROWTH_BYTES
    )


def _answer(fonts: "FontCache", logos: Path, order: dict[str, Any], phase: object) -> Answer:
    request = LogoRequest(**order) if "file" in order else TextRequest(**order)
    name = name_of(request)
    messages: dict[type[Exception], Description] = {
        MemoryError: lambda _: (
            f"{name}: takes more than {MAX_GROWTH_BYTES >> 30} GB of memory to draw"
        ),
        Exception: lambda error: f"{name}: cannot be drawn ({reason_of(error)})",
    }
    try:
        with translate_errors(messages, as_=RenderError):
            image, problem = (
                (read_logo(request, logos), "")
                if isinstance(request, LogoRequest)
                else draw_text(request, fonts)
            )
    except RenderError as error:
        return {"refusal": str(error)}, ()
    return {"shape": image.pixels.shape, "height_px": image.height_px, "problem": problem}, (
        image.pixels,
    )


class FontCache:
    """Finds the fonts of this system and of the user's folder by name, and caches their paths. One
    thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._paths: dict[str, Path] = {}
        self._read: tuple[str, bytes] = ("", b"")

    def open(self, name: str, size_px: int) -> "FreeTypeFont":
        """Open a font; "" for the built-in one. RenderError in one line, with the available
        ones."""
        from PIL import ImageFont

        if not name:
            return ImageFont.load_default(max(1, size_px))  # type: ignore[return-value]  # with a size it is this type
        if self._read[0] != name:
            path = self._path(name)
            try:
                self._read = name, read_small(path, max_bytes=MAX_FILE_BYTES)
            except OSError as error:
                raise RenderError(
                    f"{path}: the font cannot be read ({error.strerror or error})"
                ) from None
        try:
            return ImageFont.truetype(BytesIO(self._read[1]), max(1, size_px))
        except OSError as error:
            raise RenderError(f"{name}: is not a font ({error})") from None

    def _path(self, name: str) -> Path:
        path = Path(name)
        if path.is_absolute():
            return path
        if _key(name) not in self._paths:
            self._paths = {
                _key(path.name): path
                for path in _font_files((*system_font_folders(), self._folder))
            }
        if _key(name) not in self._paths:
            raise RenderError(self._missing_message(name))
        return self._paths[_key(name)]

    def _missing_message(self, name: str) -> str:
        import difflib  # imported here: needed only after a mistake

        alike = difflib.get_close_matches(_key(name), self._paths, NEAREST)
        names = ", ".join(self._paths[key].stem for key in alike or sorted(self._paths)[:NEAREST])
        nearest = f"{'nearest' if alike else 'such as'}: {names}; " if names else ""
        return (
            f"font {name[:80]!r} is not among the {len(self._paths)} here ({nearest}put others "
            f"into {self._folder})"
        )


def _key(name: str) -> str:
    """Return the key for comparing font names: without suffix, case, spaces and hyphens."""
    stem = name[:-4] if name.lower().endswith(FONT_SUFFIXES) else name
    return "".join(letter for letter in stem.casefold() if letter not in " -_")


def system_font_folders() -> tuple[Path, ...]:
    """Return the font folders of the system, then the user's own."""
    home = Path.home()
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return Path(
            os.environ.get("WINDIR", r"C:\Windows")
        ) / "Fonts", local / "Microsoft" / "Windows" / "Fonts"
    own = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", own / "fonts"


def _font_files(folders: tuple[Path, ...]) -> Iterator[Path]:
    """Yield font files, at most MAX_FONTS per folder, in the order of the folders."""
    for folder in folders:
        found = 0
        for inner, _, names in os.walk(folder):
            for name in names:
                if name.lower().endswith(FONT_SUFFIXES) and found < MAX_FONTS:
                    found += 1
                    yield Path(inner) / name


def draw_text(request: TextRequest, fonts: FontCache) -> tuple[GraphicImage, str]:
    """Render a text, lines centred. Also returns a problem: characters that the font lacks, or "".
    RenderError."""
    from PIL import Image, ImageDraw

    line_px = request.line_px
    font = fonts.open(request.font, request.line_px)
    wide, high = _extent_px(request, font, line_px)
    fitted = min(
        1.0, MAX_EXTENT * request.within_px[0] / wide, MAX_EXTENT * request.within_px[1] / high
    )
    detail = min(1.0, MAX_SIDE_PX / (wide * fitted), MAX_SIDE_PX / (high * fitted))
    if fitted * detail < 1:
        line_px = max(1, int(line_px * fitted * detail))
        font = fonts.open(request.font, line_px)
        wide, high = _extent_px(request, font, line_px)
        if max(wide, high) > 2 * MAX_SIDE_PX:
            raise RenderError(
                f"{name_of(request)}: one pixel high, the text is {wide:.0f} px wide; choose "
                "another font"
            )
    outline_px = round(request.outline * line_px)
    # even: in the middle of the picture it is sharp
    size = ((int(wide) + 3) // 2 * 2, (int(high) + 3) // 2 * 2)
    _, top, _, bottom = font.getbbox("H", anchor="ls")
    layers = []
    for stroke_px in (0, outline_px):
        image = Image.new("L", size)
        draw = ImageDraw.Draw(image)
        for number, line in enumerate(request.lines):
            middle = size[1] / 2 + (number - (len(request.lines) - 1) / 2) * LINE_SPACING * line_px
            # capitals are in the middle of their line
            baseline = round(middle - (top + bottom) / 2)
            start = round((size[0] - font.getlength(line)) / 2)
            draw.text(
                (start, baseline), line, fill=255, font=font, anchor="ls", stroke_width=stroke_px
            )
        layers.append(np.asarray(image))
    fill, stroked = layers
    pixels = np.zeros((size[1], size[0], 4), np.uint8)
    pixels[..., 0] = fill
    if outline_px:
        pixels[..., 1] = np.maximum(stroked, fill) - fill
    return GraphicImage(pixels=pixels, height_px=request.line_px * detail), _missing_characters(
        request, font
    )


def _extent_px(text: TextRequest, font: "FreeTypeFont", line_px: int) -> tuple[float, float]:
    """Return width and height of all lines, with a margin for overhanging glyphs."""
    room = 2 * text.outline * line_px + 0.3 * line_px
    wide = max(font.getlength(line) for line in text.lines)
    return wide + room, len(text.lines) * LINE_SPACING * line_px + room


def _missing_characters(request: TextRequest, font: "FreeTypeFont") -> str:
    """Return a message that names the characters that the font lacks, or ""."""
    mask_of: Any = font.getmask
    missing = bytes(mask_of("\U0010ffff"))
    characters = sorted({each for line in request.lines for each in line if not each.isspace()})
    lacks = "".join(each for each in characters if bytes(mask_of(each)) == missing)
    return (
        f"{name_of(request)} lacks {lacks[:20]!r}; choose another font, such as Arial or DejaVuSans"
        if lacks
        else ""
    )


def read_logo(request: LogoRequest, folder: Path) -> GraphicImage:
    """Read a logo at the requested height. RenderError in one line."""
    from PIL import Image, UnidentifiedImageError

    path = folder / request.file
    try:
        stream = BytesIO(read_small(path, max_bytes=MAX_FILE_BYTES))
        with Image.open(stream, formats=LOGO_FORMATS) as image:
            if max(image.size) > MAX_SIDE_PX:
                raise RenderError(
                    f"{path}: {image.width}x{image.height}: a logo has at most {MAX_SIDE_PX} px "
                    "each way"
                )
            colours = image.convert("RGBA").convert("RGBa")  # premultiplied
    except FileNotFoundError:
        raise RenderError(f"{path}: not found ({_present(folder)})") from None
    except UnidentifiedImageError:
        raise RenderError(f"{path}: is no picture ({', '.join(LOGO_FORMATS)})") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise RenderError(f"{path}: the logo cannot be read ({reason_of(error)})") from None
    scale = min(request.height_px / colours.height, MAX_SIDE_PX / max(colours.size))
    size = max(1, round(colours.width * scale)), max(1, round(colours.height * scale))
    return GraphicImage(pixels=np.array(colours.resize(size)), height_px=colours.height * scale)


def _present(folder: Path) -> str:
    """Describe the content of the folder of logos, for a message."""
    try:
        names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        names = []
    return f"in {folder}: {', '.join(names[:5])}" if names else f"put it into {folder}"
