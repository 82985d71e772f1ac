"""Outputs of `multiverse video` without a model: each picture is the source's own with inverted
colours."""

import itertools
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from engine.jobs.video.job import VideoJob
from engine.jobs.video.writing.outputs import VideoOutput, open_output
from engine.models.sd.painting import Painting
from engine.models.sd.spec import ModelSpec
from engine.sources.pictures import InputPicture, open_pictures

PAINTING = Painting(spec=ModelSpec(model="random:sd15"), prompt="glass")


class Live:
    """A camera that shows the pictures of a file."""

    kind, label, path, files = "live", "camera 0", "0", ()

    def __init__(self, source: Path) -> None:
        self._pictures = open_pictures(source)
        self.video_format, self.first = self._pictures.video_format, self._pictures.first
        self.counts, self.expected = self._pictures.counts, None

    def read(self, every: int, limit: int | None, start: int = 0) -> Iterator[InputPicture]:
        return self._pictures.read(every, limit, start)

    def close(self) -> None:
        self._pictures.close()


def job_of(source: Path, output: Path | str, **options: Any) -> VideoJob:
    return VideoJob(
        source=str(source), output=str(output), **{"painting": PAINTING, "batch": 2} | options
    )


def opened(
    source: Path, output: Path | str, **options: Any
) -> tuple[VideoOutput, Iterator[InputPicture]]:
    job = job_of(source, output, **options)
    pictures = open_pictures(source, is_recursive=job.recursive, but=(Path(output),))
    height, width = pictures.first.pixels.shape[:2]
    out = open_output(job, pictures, (width, height))
    return out, pictures.read(job.every, job.frames, out.done)


def write(
    source: Path, output: Path | str, *, stop: int | None = None, end: str = "stop", **options: Any
) -> VideoOutput:
    """Run a job: the whole, or `stop` more pictures and then the `end`: stop (as Ctrl-C), abandon
    (an error), none."""
    out, pictures = opened(source, output, **options)
    try:
        for picture in itertools.islice(pictures, stop):
            out.add(picture, np.ascontiguousarray(255 - picture.pixels))
        if stop is None or end == "stop":
            out.finish(is_whole=stop is None)
    except BaseException:
        out.abandon()
        raise
    if stop is not None and end == "abandon":
        out.abandon()
    return out


def packets_of(path: Path, kind: str = "video") -> list[tuple[Any, ...]]:
    """All packets of the first stream of this kind."""
    with av.open(str(path)) as container:
        return [
            (packet.pts, packet.dts, packet.duration, packet.is_keyframe, zlib.crc32(bytes(packet)))
            for packet in container.demux(**{kind: 0})
            if packet.size
        ]
