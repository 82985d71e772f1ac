"""The commands `multiverse dataset check` and `view`, and their dispatch beside `multiverse dataset
OUT`."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from engine.cli.progress import ProgressTexts, show_progress, time_left
from engine.cli.standard_streams import complain, print_lines
from engine.dataset.labels.options import removed_format_line
from engine.errors import SinkError, UsageError
from engine.jobs.kit import JSON

if TYPE_CHECKING:
    from engine.dataset.checking.check import CheckProgress, CheckReport, FolderReport, LikeReport

FAILED = 1
MAX_PRINTED = 20  # problems of one kind in one folder that are printed; --json has all


class DatasetCommand(TyperCommand):
    """Dispatches `dataset check` and `dataset view`; anything else is the folder of `dataset OUT`,
    such as ./check."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        if args and args[0] in VERBS:
            verb = typer.main.get_command(VERBS[args[0]])
            return verb.make_context(f"{info_name} {args[0]}", args[1:], parent=parent, **extra)
        if any(argument.replace("_", "-") == "--save-hdf5" for argument in args):
            raise UsageError(removed_format_line("--save-hdf5", "--save-coco"))
        return super().make_context(info_name, args, parent=parent, **extra)


def check(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="FOLDER [FOLDER ...]", help="Datasets, ours or foreign ones."),
    ],
    *,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="REAL_FOLDER", help="Compare the first with real pictures, and propose options."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=JSON)] = False,
) -> None:
    """Read every picture, label and SHA-256 of datasets, and report what is wrong with them.

    Finds damaged, missing and extra files, boxes that are empty or outside, formats that disagree,
    pictures that are the same or nearly so, and scenes that two folders (or two parts of a split)
    share. Reads YOLO, COCO, Pascal VOC and KITTI. The exit code is 1 if anything is wrong.

    Example: multiverse dataset check site --like real_pictures"""
    from engine.cli.signals import Signals
    from engine.dataset.checking.check import check_folders

    stop = threading.Event()
    Signals().connect(stop.set)
    try:
        with show_progress(CHECK, as_json, stop) as (on_progress, _):
            report = check_folders(
                folders, like=like, on_progress=on_progress, is_stopped=stop.is_set
            )
    except KeyboardInterrupt:
        complain("interrupted; nothing was found out")
        raise typer.Exit(FAILED) from None
    if as_json:
        print(json.dumps(report.as_json()))
    else:
        print_lines(*check_lines(report))
    if report.problems:
        raise typer.Exit(FAILED)


def view(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A dataset, ours or a foreign one.")
    ],
    *,
    pictures: Annotated[
        str, typer.Option(metavar="0..20", help="Pictures to show, counted from 0.")
    ] = "0..20",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where to write the page. (default: a temporary file)"),
    ] = None,
    opens: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Show pictures of a dataset with their boxes: one HTML file to zoom, and to filter by class,
    hidden and small.

    Example: multiverse dataset view site --pictures 40..60"""
    import tempfile
    import webbrowser

    from engine.dataset.checking.page import label_page
    from engine.system.atomic_file import write_atomic

    if out is not None and out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out}: is no name of a page; give one that ends in .html")
    first, last = _range_of(pictures)
    page = label_page(folder, first, last)
    name = f"multiverse-view-{folder.resolve().name}.html"
    path = Path(tempfile.gettempdir(), name) if out is None else out
    try:
        write_atomic(path, page.html)
    except OSError as error:
        raise SinkError(f"{path}: cannot be written ({error.strerror or error})") from error
    if page.unreadable:
        complain(
            f"{page.unreadable[0]}; {len(page.unreadable)} in all cannot be shown: "
            f"multiverse dataset check {folder} names all that is wrong"
        )
    print_lines(f"wrote       {path} ({page.pictures} pictures, {page.boxes} boxes)")
    if opens and not webbrowser.open(path.resolve().as_uri()):
        complain("no browser was found; open the file yourself")


def _range_of(text: str) -> tuple[int, int]:
    """`0..20` -> (0, 20), `7` -> (7, 7)."""
    first, separator, last = text.partition("..")
    ends = (first, last if separator else first)
    if not all(end.isdecimal() for end in ends) or int(ends[0]) > int(ends[1]):
        raise UsageError(f"--pictures {text!r}: is not a range such as 0..20")
    return int(ends[0]), int(ends[1])


def check_lines(report: "CheckReport") -> list[str]:
    lines = [line for folder in report.folders for line in _folder_lines(folder)]
    if report.shared:
        lines += ["in two of the folders", *_problem_lines(report.shared)]
    if report.like is not None:
        lines += _like_lines(report.like)
    wrong = len(report.problems)
    return [
        *lines,
        "nothing is wrong" if not wrong else f"{wrong} problem{'s' if wrong > 1 else ''}",
    ]


def _folder_lines(folder: "FolderReport") -> list[str]:
    from engine.dataset.checking.figures import FIGURES, spread

    def list_counts(of: dict[str, int]) -> str:
        return ", ".join(f"{name} {count}" for name, count in sorted(of.items())) or "-"

    lines = [
        folder.path,
        f"  pictures   {folder.pictures}, {list_counts(folder.figures.sizes_px)}",
        f"  labels     {list_counts(folder.formats)}",
        f"  boxes      {list_counts(folder.figures.classes)}",
    ]
    if folder.unlabelled:
        lines.append(
            f"  unlabelled {folder.unlabelled} pictures: trainers take them as pictures without "
            "things"
        )
    if folder.subsets:
        lines.append(f"  split      {list_counts(folder.subsets)}")
    if folder.tiles:
        lines.append(f"  tiles      a dataset of its own: check {folder.tiles}, too")
    lines.append(f"  {'':<18} {'mean':>9} {'5 %':>9} {'median':>9} {'95 %':>9}")
    for name, unit in FIGURES.items():
        summary = spread(folder.figures.values[name])
        if summary is not None:
            numbers = " ".join(f"{summary[key]:>9.3g}" for key in ("mean", "p5", "median", "p95"))
            lines.append(f"  {name:<18} {numbers}  {unit}")
    return lines + _problem_lines(folder.problems)


def _problem_lines(problems: Any) -> list[str]:
    counts = Counter(problem.kind for problem in problems)
    lines = []
    for kind, count in counts.items():
        lines.append(f"  {kind}: {count}")
        chosen = [problem for problem in problems if problem.kind == kind]
        lines += [f"    {problem.line()}" for problem in chosen[:MAX_PRINTED]]
        if count > MAX_PRINTED:
            lines.append(f"    and {count - MAX_PRINTED} more; --json has all")
    return lines


def _like_lines(like: "LikeReport") -> list[str]:
    lines = [
        f"compared with {like.path}",
        f"  {'':<18} {'here':>9} {'there':>9} {'distance':>9} {'overlap':>9}",
    ]
    if like.faults:
        fault_line = f"  it has {len(like.faults)} faults, the first: {like.faults[0].line()}"
        lines.append(f"{fault_line}; to see all: dataset check {like.path}")
    for each in like.distances:
        if each.own and each.real and each.distance is not None and each.overlap is not None:
            medians = f"{each.own['median']:>9.3g} {each.real['median']:>9.3g}"
            lines.append(
                f"  {each.figure:<18} {medians} {each.distance:>9.2f} {each.overlap:>9.0%}"
            )
    lines.append(
        "  medians; distance 1: as far apart as the real pictures from each other; overlap 100 %: "
        "the same"
    )
    return lines + [f"  {line}" for line in like.proposals or ("nothing to propose",)]


def _check_line(progress: "CheckProgress") -> str:
    return (
        f"{progress.done} of {progress.expected} pictures checked, {progress.problems} "
        f"problems{time_left(progress)}"
    )


CHECK: "ProgressTexts[CheckProgress]" = ProgressTexts(
    nothing="no picture read yet",
    doing="checking",
    line=_check_line,
    pace=lambda progress: time_left(progress, ""),
)


def _app(command: Any) -> typer.Typer:
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(command)
    return app


VERBS = {"check": _app(check), "view": _app(view)}
