"""Maps inputs to outputs before the model is loaded, and checks that no file is overwritten or
written twice."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import UsageError
from engine.jobs.convert.formats import FORMS, READ, form_of, name_for
from engine.jobs.convert.job import ConvertJob
from engine.jobs.kit.options import check_no_stream
from engine.system.folder_files import list_files
from engine.system.work_folder import check_writable

Mark = tuple[int, int, int] | None
"""Identity of a file (inode, size, time), to detect that it was replaced; None if it does not
exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    source: Path
    output: Path
    problem: str = ""
    """Why the source cannot be read, in one line."""


def mark_of(output: Path) -> Mark:
    try:
        known = output.stat()
    except OSError:
        return None
    return known.st_ino, known.st_size, known.st_mtime_ns


def tasks_of(job: ConvertJob) -> list[Task]:
    """All tasks in the order of the command line, folders sorted by name. UsageError or SinkError
    for bad outputs."""
    check_no_stream(job.output, *job.sources)
    if _is_file(job):
        tasks = [_task(job.sources[0], Path(job.output))]
        form_of(tasks[0].output)
    else:
        tasks = list(_into_folder(job.sources, Path(job.output)))
    _check(tasks, job)
    return tasks


def _is_file(job: ConvertJob) -> bool:
    path = Path(job.output)
    if job.output.endswith(("/", os.sep)) or path.is_dir() or not path.suffix:
        if path.exists() and not path.is_dir():
            raise UsageError(
                f"{job.output}: is a file in a format that cannot be written; name another output"
            )
        return False
    if len(job.sources) == 1 and not job.sources[0].is_dir():
        return True
    if path.suffix.lower() in FORMS:
        raise UsageError(f"{job.output}: is a single file; several inputs need a folder (name/)")
    return False


def _into_folder(sources: tuple[Path, ...], folder: Path) -> Iterator[Task]:
    for source in sources:
        if not source.is_dir():
            yield _task(source, folder / name_for(source))
            continue
        problems: list[str] = []
        found = list_files(source, READ, problems.append, is_recursive=True, but=(folder,))
        for file in found:
            yield _task(file, folder / file.relative_to(source).with_name(name_for(file)))
        for problem in problems:
            yield Task(source=source, output=folder, problem=problem)
        if not found and not problems:
            yield Task(
                source=source, output=folder, problem=f"{source}: no sound or video in this folder"
            )


def _task(source: Path, output: Path) -> Task:
    # else `open_sound` says why
    problem = "" if source.exists() else f"{source}: no such file or folder"
    return Task(source=source, output=output, problem=problem)


def _check(tasks: list[Task], job: ConvertJob) -> None:
    sources: dict[Path, Path] = {}
    for task in tasks:
        if task.problem:
            continue
        output = task.output
        if output.exists() and output.samefile(task.source):
            raise UsageError(f"{output}: is the input; name another output")
        other = sources.setdefault(output.absolute(), task.source)
        if other is not task.source:
            raise UsageError(
                f"{output}: {other} and {task.source} have the same output name; convert them "
                "separately"
            )
        if output.is_dir():
            raise UsageError(f"{output}: is a folder")
        if output.exists() and not (job.overwrite or job.resume):
            hint = "--overwrite replaces it, --resume skips it and converts the rest"
            raise UsageError(f"{output}: exists already; {hint}")
        check_writable(output)
