"""The shape of label formats that have nothing but files per picture."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.jobs.dataset.labels.options import LabelOptions
from engine.jobs.dataset.labels.source import DatasetContents, LabelSource
from engine.jobs.dataset.task import PictureTask
from engine.system.atomic_file import write_atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureWriter:
    """A LabelWriter (protocol.py) made of functions."""

    name: str
    kinds: tuple[tuple[str, str], ...]
    """Folder and suffix of each file of a picture."""
    make: Callable[[LabelSource], tuple[bytes, ...]]
    """The contents of the files, in that order."""
    require: Callable[[], object] = lambda: None
    """Raises UsageError if a package is missing."""
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
        if self.readme is None:
            return ()
        (name,) = self.whole_names(contents.options, contents.subsets)
        write_atomic(contents.folder / name, self.readme(contents))
        return (name,)
