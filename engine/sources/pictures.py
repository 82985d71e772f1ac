"""Inputs of offline jobs: a video, one picture, or a folder of pictures, each read completely and
in order."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np

from engine.errors import SourceError, UsageError
from engine.sources.camera import redact_url
from engine.sources.decoding import (
    TimedPicture,
    open_video,
    pictures_per_frame,
    read_first,
    read_pass,
)
from engine.sources.pixels import UNTAGGED, VideoFormat, losses_in_rgb, to_rgb, video_format_of
from engine.sources.still import is_still, read_still
from engine.sources.stream_copy import timecode_of
from engine.system.folder_files import left_out_line, list_files, missing_line, walk_files
from engine.system.media_file import declared_length_s, unread_part_line
from engine.system.schedule import exact_rate
from engine.system.small_file import open_regular
from engine.values import Deinterlace

FOLDER_FPS = Fraction(25)  # of a video created from a folder
PICTURE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".avif",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
    ".jp2",
)
UNREAD_SUFFIXES = (
    ".exr",
    ".dpx",
    ".tga",
    ".jxl",
    ".hdr",
    ".heic",
    ".heif",
    ".psd",
    ".dng",
    ".cin",
    ".sgi",
    ".svg",
)
PATTERN = re.compile(r"%\d*d|[*?]")  # of FFmpeg, and of a shell
COMBS = (
    "is interlaced, and moving edges have combs: --deinterlace field makes {fields:g} pictures "
    "per second of it, "
    "--deinterlace frame {frames:g}"
)
ALL_CORES = 0
UNLIMITED_PX = math.inf
MISSING_END = (
    3  # a file this many pictures shorter than declared was truncated; rounding explains fewer
)

Kind = Literal["video", "picture", "folder", "live"]

WAITING_BYTES = 256 * 2**20  # queued pictures before and after the model
MIN_WAITING, MAX_WAITING = 2, 8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InputPicture:
    number: int
    """Index in the source, from 0, counting skipped pictures."""
    name: str
    """Stem for files written for this picture: `frame_000012`, or its own file name without the
    suffix; in a subfolder with the path from the folder, `day 1/tree`."""
    file_name: str
    """Its own file name, with the path from the folder; for a picture of a video, a generated
    one."""
    pixels: np.ndarray
    """(height, width, 3) uint8 RGB, row 0 at the top, C-contiguous."""
    start_s: Fraction
    """Time at which it is shown; `end_s` when it ends. From the start of the file, including
    sound."""
    end_s: Fraction


@dataclass(slots=True, kw_only=True)
class ReadCounts:
    """Counts of the pictures read. Written by the reading thread, read after it has ended. decoded
    = passed_over + resumed + dropped + delivered"""

    decoded: int = 0
    """Pictures that were decoded."""
    passed_over: int = 0
    """Skipped by `every`."""
    resumed: int = 0
    """Skipped by `start`."""
    dropped: int = 0
    """Replaced by a newer picture of a live source before being read."""
    damaged: int = 0
    """Decoded only partly."""
    unreadable: int = 0
    """Pictures that could not be decoded."""
    refitted: int = 0
    """Scaled, because their size differs from the first."""
    notes: list[str] = field(default_factory=list)


class Pictures(Protocol):
    path: Path | str
    """Path or address for FFmpeg, to read its sound; an address may contain a password."""
    files: tuple[Path, ...]
    """The files it is read from; empty for an address or a camera."""
    label: str
    """Name for messages: the path, the address without its password, or the camera."""
    kind: Kind
    video_format: VideoFormat
    first: InputPicture
    expected: int | None
    """Number of pictures that the file declares, or None."""
    counts: ReadCounts

    def read(self, every: int, limit: int | None, start: int = 0) -> Iterator[InputPicture]:
        """Yield each `every`-th picture, at most `limit`, skipping the first `start` of them, which
        are done already. Unreadable pictures are counted and skipped."""
        ...

    def close(self) -> None:
        """Release the device and wake a `read` that waits for it; `read` closes a file. Idempotent;
        any thread."""
        return None


def open_pictures(
    path: Path,
    *,
    is_recursive: bool = False,
    but: Collection[Path] = (),
    fps: float | None = None,
    deinterlace: Deinterlace | None = None,
) -> Pictures:
    """Open a file or folder and decode its first picture. SourceError, in one line, if it is
    missing or has none; UsageError for an option of another kind of source.

    `is_recursive`: take the pictures of subfolders as well, except `but`, such as an output in it.
    `fps`: pictures a second of a folder. `deinterlace`: one picture per field of a film, or per
    frame."""
    try:
        is_folder = path.is_dir()
        if not is_folder:
            open_regular(path).close()
    except (FileNotFoundError, NotADirectoryError):
        folder = (
            f"; for many pictures name their folder, {path.parent}"
            if PATTERN.search(path.name)
            else ""
        )
        raise SourceError(f"{path}: no such file or folder{folder}") from None
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from None
    kind: Kind = "folder" if is_folder else "picture" if is_still(path) else "video"
    check_options(path, kind, is_recursive=is_recursive, fps=fps, deinterlace=deinterlace)
    if kind == "video":
        return VideoPictures(path, deinterlace)
    return FolderPictures(
        path, is_recursive=is_recursive, but=but, rate=exact_rate(fps or FOLDER_FPS)
    )


def check_options(
    label: Path | str,
    kind: Kind,
    *,
    is_recursive: bool,
    fps: float | None,
    deinterlace: Deinterlace | None,
) -> None:
    """Raise UsageError for an option of another kind of source."""
    for option, is_set, of, what in (
        ("--recursive", is_recursive, "folder", "folder"),
        ("--fps", fps is not None, "folder", "folder of pictures"),
        ("--deinterlace", deinterlace is not None, "video", "film"),
    ):
        if is_set and kind != of:
            raise UsageError(f"{option}: {label} is not a {what}")


class VideoPictures(Pictures):
    kind: Kind = "video"

    def __init__(self, path: Path | str, deinterlace: Deinterlace | None = None) -> None:
        self.path = path
        self._deinterlace: Deinterlace | None = deinterlace
        self.files: tuple[Path, ...] = (path,) if isinstance(path, Path) else ()
        self.label = str(path) if isinstance(path, Path) else redact_url(path)
        self._name = path.name if isinstance(path, Path) else self.label
        self.counts = ReadCounts()
        container, stream = open_video(path)
        with container:
            tick_s = Fraction(stream.time_base or 0)
            self._length_s = declared_length_s(stream)
            length_s = self._length_s or Fraction(container.duration or 0, 1_000_000)
            # a field begins in the middle of its frame
            self._tick_s = tick_s / pictures_per_frame(deinterlace)
            self._origin_s = Fraction(container.start_time or 0, 1_000_000)
            rate = stream.average_rate or stream.guessed_rate
            aspect = Fraction(stream.sample_aspect_ratio or 1)
            has_tracks = bool(
                len(container.streams) > 1 or container.chapters() or timecode_of(container)
            )
            frames = stream.frames or (round(length_s * rate) if rate and length_s else None)
            self.expected = None if frames is None else frames * pictures_per_frame(deinterlace)
            codec_tag = stream.codec_context.codec_tag
            is_gif = container.format.name == "gif"
        self._opened_bytes = self._bytes()
        coded = read_first(path, self.label)
        timed = coded if deinterlace is None else read_first(path, self.label, deinterlace)
        first_s = Fraction(coded.frame.pts or 0) * tick_s - self._origin_s
        # start is in microseconds
        self._first_s = round(first_s / tick_s) * tick_s if tick_s else first_s
        self.video_format = video_format_of(
            timed.frame,
            Fraction(timed.fps).limit_denominator(1001),
            self._tick_s,
            aspect,
            has_tracks,
        )
        self.first = self._picture(0, timed)
        lines = losses_in_rgb(coded.frame, codec_tag, may_be_opaque=is_gif)
        if coded.frame.interlaced_frame and deinterlace is None:
            lines.append(
                COMBS.format(
                    fields=float(2 * self.video_format.rate), frames=float(self.video_format.rate)
                )
            )
        elif deinterlace is not None and not coded.frame.interlaced_frame:
            lines.append(
                f"is not marked as interlaced; --deinterlace {deinterlace} takes its rows as two "
                "fields"
            )
        lines += filter(None, map(unread_part_line, self.files))
        self.counts.notes += [f"{self._name}: {line}" for line in lines]

    def read(self, every: int, limit: int | None, start: int = 0) -> Iterator[InputPicture]:
        counts = self.counts
        selected = 0
        end_s = Fraction(0)
        step = pictures_per_frame(self._deinterlace)
        read = read_pass(
            self.path, self._on_corrupt, threads=ALL_CORES, deinterlace=self._deinterlace
        )
        for number, timed in enumerate(read):
            counts.decoded += 1
            if timed.frame.is_corrupt and number % step == 0:  # `_on_corrupt` was called as well
                counts.damaged += 1
                counts.unreadable -= 1
            end_s = timed.end_s
            if number % every:
                counts.passed_over += 1
                continue
            selected += 1
            if selected > start:
                yield self._picture(number, timed)
            else:
                counts.resumed += 1
            if selected == limit:
                return
        if (
            self._length_s
            and end_s < self._length_s - self._first_s - MISSING_END / self.video_format.rate
        ):
            counts.notes.append(
                f"{self._name}: ends after {float(end_s):.2f} s, but declares "
                f"{float(self._length_s):.2f} s; "
                "it seems to be truncated"
            )
        if self._bytes() > self._opened_bytes:
            counts.notes.append(
                f"{self._name}: grew while it was read, so it was still being recorded; its end "
                "may be missing"
            )

    def _picture(self, number: int, timed: TimedPicture) -> InputPicture:
        # read_pass starts half a tick early
        start_s = timed.start_s + (self._tick_s / 2 if timed.start_s else 0)
        # keep the pixel aspect: the output has it too
        pixels = to_rgb(timed.frame, longest_px=UNLIMITED_PX)
        return video_picture(number, pixels, self._first_s + start_s, self._first_s + timed.end_s)

    def _bytes(self) -> int:
        """Length of its file; 0 for an address, and for a missing file."""
        with suppress(OSError):  # removed, or on a disk that was pulled out
            return sum(file.stat().st_size for file in self.files)
        return 0

    def _on_corrupt(self, reason: str) -> None:
        self.counts.unreadable += 1
        if self.counts.unreadable + self.counts.damaged == 1:
            self.counts.notes.append(f"{self._name}: damaged; first error: {reason}")


class FolderPictures(Pictures):
    """All pictures of a folder in natural order (2 before 10), or one picture. Sizes may differ."""

    def __init__(
        self,
        path: Path,
        *,
        is_recursive: bool = False,
        but: Collection[Path] = (),
        rate: Fraction = FOLDER_FPS,
    ) -> None:
        self.path: Path | str = path
        self.label = str(path)
        self.kind: Kind = "folder" if path.is_dir() else "picture"
        self.counts = ReadCounts()
        self._is_loss_reported = False
        self.video_format = VideoFormat(
            rate=rate, time_base=1 / rate, pixel_aspect=Fraction(1), tags=UNTAGGED, has_tracks=False
        )
        self.files: tuple[Path, ...] = (path,)
        if self.kind == "folder":
            suffixes = PICTURE_SUFFIXES
            notes = self.counts.notes
            self.files = tuple(
                list_files(path, suffixes, notes.append, is_recursive=is_recursive, but=but)
            )
            left = walk_files(
                path, UNREAD_SUFFIXES, lambda problem: None, is_recursive=is_recursive, but=but
            )
            notes += [
                f"{path}: {line}"
                for line in (left_out_line(left), missing_line(self.files))
                if line
            ]
        self.expected: int | None = len(self.files)
        self._file_names = [
            file.relative_to(path).as_posix() if self.kind == "folder" else file.name
            for file in self.files
        ]
        stems = [
            name.removesuffix(file.suffix)
            for name, file in zip(self._file_names, self.files, strict=True)
        ]
        count = Counter(stem.casefold() for stem in stems)  # macOS and Windows ignore case
        alike = zip(stems, self._file_names, strict=True)
        names = [stem if count[stem.casefold()] == 1 else name for stem, name in alike]
        self.names = (
            names if len({name.casefold() for name in names}) == len(names) else self._file_names
        )
        """`InputPicture.name` of each file."""
        reasons: list[str] = []
        first = next(
            (
                found
                for number in range(len(self.files))
                if (found := self._picture(number, reasons))
            ),
            None,
        )
        if first is None:
            line = [*reasons, *self.counts.notes, f"{path}: no pictures in this folder"][0]
            raise SourceError(line if self.files else f"{line}{_hint(path, but)}")
        self.first = first

    def read(self, every: int, limit: int | None, start: int = 0) -> Iterator[InputPicture]:
        selected = 0
        for number in range(len(self.files)):
            if number % every:
                self.counts.decoded += 1
                self.counts.passed_over += 1
                continue
            # decode skipped ones too: broken ones do not count
            picture = self._picture(number, self.counts.notes)
            if picture is None:
                self.counts.unreadable += 1
                continue
            self.counts.decoded += 1
            selected += 1
            if selected > start:
                yield picture
            else:
                self.counts.resumed += 1
            if selected == limit:
                return

    def input_under(self, folder: Path, suffix: str) -> Path | None:
        """An input that would be replaced by writing each picture's name with `suffix` into
        `folder`, or None."""
        inputs = {_identity(file): file for file in self.files}
        there = (
            identity
            for name in self.names
            if (identity := _identity(folder / f"{name}{suffix}")) is not None
        )
        return next((inputs[identity] for identity in there if identity in inputs), None)

    def _picture(self, number: int, notes: list[str]) -> InputPicture | None:
        try:
            pixels = read_still(self.files[number], longest_px=UNLIMITED_PX, on_loss=self._on_loss)
        except SourceError as error:
            notes.append(str(error))
            return None
        if not pixels.flags.writeable:
            pixels = pixels.copy()  # Pillow's memory is read-only, and torch would warn
        start_s = number / self.video_format.rate
        return InputPicture(
            number=number,
            name=self.names[number],
            file_name=self._file_names[number],
            pixels=pixels,
            start_s=start_s,
            end_s=start_s + 1 / self.video_format.rate,
        )

    def _on_loss(self, line: str) -> None:
        """Note the first loss only, as the pictures of a folder are mostly of one kind."""
        if not self._is_loss_reported:
            self._is_loss_reported = True
            self.counts.notes.append(line)


def video_picture(
    number: int, pixels: np.ndarray, start_s: Fraction, end_s: Fraction
) -> InputPicture:
    name = f"frame_{number:06d}"
    return InputPicture(
        number=number,
        name=name,
        file_name=f"{name}.png",
        pixels=pixels,
        start_s=start_s,
        end_s=end_s,
    )


def fit_all(
    pictures: Iterator[InputPicture], size: tuple[int, int], counts: ReadCounts
) -> Iterator[InputPicture]:
    """Yield all pictures in the `size` (width, height) of the first, scaled and padded with black;
    notes it once."""
    for picture in pictures:
        if picture.pixels.shape[1::-1] != size:
            if not counts.refitted:
                counts.notes.append(resize_note(picture, size))
            counts.refitted += 1
            picture = replace(picture, pixels=fit(picture.pixels, size))
        yield picture


def resize_note(picture: InputPicture, size: tuple[int, int]) -> str:
    height, width = picture.pixels.shape[:2]
    return (
        f"from {picture.name} on pictures are {width}x{height}: scaled to the first, "
        f"{size[0]}x{size[1]}"
    )


def fit(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Scale a picture into `size` (width, height) and pad it with black: (height, width, 3)
    uint8."""
    height, width = pixels.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        pixels, inner, interpolation=method
    )
    return canvas


def _identity(file: Path) -> tuple[int, int] | None:
    """Device and number of the file, whatever its name; None if it does not exist."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _hint(folder: Path, but: Collection[Path]) -> str:
    """The next step if only subfolders have pictures, else ""."""
    below = walk_files(folder, PICTURE_SUFFIXES, lambda problem: None, is_recursive=True, but=but)
    return "; --recursive takes those of its subfolders" if next(below, None) else ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    pictures: tuple[InputPicture, ...]
    """All of one size."""
    pixels: np.ndarray
    """(pictures, height, width, 3) uint8; the pictures' own pixels are views of it."""


def batches(pictures: Iterable[InputPicture], size: int) -> Iterator[Batch]:
    """Yield batches of `size` pictures; fewer at the end and where the size of the pictures
    changes."""
    waiting: list[InputPicture] = []
    for picture in pictures:
        if waiting and picture.pixels.shape != waiting[0].pixels.shape:
            yield _batch(waiting)
            waiting = []
        waiting.append(picture)
        if len(waiting) == size:
            yield _batch(waiting)
            waiting = []
    if waiting:
        yield _batch(waiting)


def batches_waiting(first: InputPicture, size: int) -> int:
    """Queue length in batches: hides a slow picture without taking much memory."""
    return min(max(WAITING_BYTES // (first.pixels.nbytes * size), MIN_WAITING), MAX_WAITING)


def _batch(pictures: list[InputPicture]) -> Batch:
    if len(pictures) == 1:
        return Batch(pictures=tuple(pictures), pixels=pictures[0].pixels[None])
    # copied here, not on the model's thread
    pixels = np.stack([picture.pixels for picture in pictures])
    parts = (replace(picture, pixels=part) for picture, part in zip(pictures, pixels, strict=True))
    return Batch(pictures=tuple(parts), pixels=pixels)
