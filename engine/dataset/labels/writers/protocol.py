"""The interface of a label format, and the shape of those that have nothing but files per picture."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.dataset.labels.options import LabelOptions
from engine.dataset.labels.record import DatasetContents, LabelSource
from engine.dataset.task import PictureTask
from engine.system.atomic_file import write_atomic


class LabelWriter:
    """A label format. It has no state: one object serves all pictures.

    `paths` and `files` are called in the process that draws a picture, `paths` also while a run is planned, and
    `finish` in the process of the run.
    """

    name: str  # as in --write

    def check(self) -> None:
        """Raise UsageError, with the command that installs it, if a package is missing."""

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        """Paths in the dataset of the files that `files` makes, known before the picture is drawn."""
        raise NotImplementedError

    def files(self, source: LabelSource) -> dict[str, bytes]:
        """Contents by path, exactly those of `paths`. The same picture gives the same bytes."""
        raise NotImplementedError

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        """Paths of the files that `finish` always makes with these options and parts of the split (() for none)."""
        raise NotImplementedError

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        """Write the files about the whole dataset; returns their paths. Raises OSError, SourceError.

        Called at the start of a run (perhaps without any picture), now and then during it, and at its end: each file
        is replaced at once and is right for the pictures that are finished.
        """
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class PictureWriter(LabelWriter):
    """A format made of functions."""

    name: str
    kinds: tuple[tuple[str, str], ...]  # folder and suffix of each file of a picture
    make: Callable[[LabelSource], tuple[bytes, ...]]  # the contents of the files, in that order
    require: Callable[[], object] = lambda: None  # raises UsageError if a package is missing
    readme: Callable[[DatasetContents], str] | None = None
    """The text of README.txt in the first folder, for formats whose numbers have a scale."""

    def check(self) -> None:
        self.require()

    def paths(self, task: PictureTask) -> tuple[str, ...]:
        return tuple(task.path(folder, suffix) for folder, suffix in self.kinds)

    def files(self, source: LabelSource) -> dict[str, bytes]:
        return dict(zip(self.paths(source.task), self.make(source), strict=True))

    def whole_names(self, options: LabelOptions, subsets: tuple[str, ...]) -> tuple[str, ...]:
        return () if self.readme is None else (f"{self.kinds[0][0].split('/')[0]}/README.txt",)

    def finish(self, contents: DatasetContents) -> tuple[str, ...]:
        names = self.whole_names(contents.options, contents.subsets)
        if self.readme is not None:
            write_atomic(contents.folder / names[0], self.readme(contents))
        return names
