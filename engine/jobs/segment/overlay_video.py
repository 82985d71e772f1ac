"""The source with coloured masks as a video, its sound copied.

A film has one size, that of the first picture; others are scaled into it and padded. The other outputs keep the size of
each picture.
"""

from pathlib import Path

from engine.jobs.segment.outputs import OnWhole, nothing
from engine.jobs.segment.results import Result
from engine.sinks.made_with import MadeWith
from engine.sinks.picture_video import PictureVideo
from engine.sinks.whole_file import WholeFile
from engine.sources.pictures import Pictures, fit, refitted_note


class OverlayVideo:
    def __init__(self, path: Path, pictures: Pictures, made_with: MadeWith | None, *, every: int) -> None:
        height, width = pictures.first.pixels.shape[:2]
        self.path = path
        self._size_px, self._counts = (width, height), pictures.counts
        self._file = WholeFile(path)
        try:
            self._video = PictureVideo(
                self._file.unfinished,
                size=(width, height),
                look=pictures.look,
                every=every,
                sound_from=Path(pictures.path),
                shown_as=path,
                made_with=made_with,
            )
        except BaseException:
            self._file.discard()
            raise
        self.notes = self._video.notes

    def add(self, result: Result) -> None:
        overlay = result.overlay()
        if overlay.shape[1::-1] != self._size_px:
            if not self._counts.refitted:
                self.notes.append(f"{refitted_note(result.picture, self._size_px)} in the film")
            self._counts.refitted += 1
            overlay = fit(overlay, self._size_px)
        self._video.add(overlay, result.picture.start_s, result.picture.end_s)

    def finish(self, on_whole: OnWhole = nothing) -> None:
        self._video.finish()
        on_whole(self._file.unfinished)
        self._file.publish()

    def discard(self) -> None:
        self._video.discard()
        self._file.discard()
