"""The final report of `multiverse video`: stages, pictures, and the last line."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.jobs.video.report import VideoReport


def report_lines(report: "VideoReport") -> list[str]:
    """The report; its last line is `done: time=... frames=... fps=... its=... evals=...`."""
    busy = report.busy
    lines = [f"{'stage':<10}{'frames':>9}{'seconds':>11}{'busy':>9}{'ms a frame':>13}"]
    for time in report.times:
        ms = f"{time.seconds * 1000 / time.frames:.2f}" if time.frames else "-"
        workers = f"  {time.workers} processes" if time.workers > 1 else ""
        part = f"{100 * busy[time.name]:.1f} %"
        lines.append(f"{time.name:<10}{time.frames:>9}{time.seconds:>11.2f}{part:>9}{ms:>13}{workers}")
    name, share = report.busiest
    name = ", ".join(time.name for time in report.times if time.turns == name) or name
    lines += [
        "",
        f"busiest   {name}, {100 * share:.1f} % of the run",
        f"pictures  {_accounting(report)}",
        f"stages    {report.stages}",
        f"model     {report.model}, {report.width}x{report.height}, {report.dtype} on {report.device}; ready after "
        f"{report.load_s:.1f} s",
        f"memory    {report.peak_memory_mb:.0f} MiB of the {report.memory_of} at most",
    ]
    if report.painted or report.resumed:
        lines.append(f"wrote     {report.output}")
    return [*lines, report.done_line]


def ended_line(report: "VideoReport", *, is_live: bool) -> str:
    """The line about an interrupted run: how far it came, what is kept, how to continue."""
    whole = report.resumed + report.painted
    if not whole:
        return "interrupted before the first picture; nothing was written"
    pictures = f"{whole} picture{'s' * (whole > 1)}"
    if is_live:  # a live source has no other end and cannot be resumed
        return f"ended after {pictures}"
    if report.kept == whole:
        way_on = "continues"
    elif report.kept:
        way_on = f"continues after the first {report.kept}"
    else:
        way_on = "starts over: too few pictures to continue from"
    return f"interrupted after {pictures}; {report.output}: plays up to there, the same command with --resume {way_on}"


def _accounting(report: "VideoReport") -> str:
    """`N read:` with the counts that add up to it, then other counts."""
    parts = {
        "already complete": report.resumed,
        "painted": report.painted,
        "read but not painted": report.unpainted,
        "skipped": report.skipped,
        "dropped for newer ones": report.dropped,
    }
    others = {
        "damaged, shown as far as possible": report.damaged,
        "of another size": report.refitted,
        "painted twice": report.rerun,
        "passed through unchanged": report.passed_through,
        "unreadable": report.unreadable,
    }
    line = f"{report.read} read: {_counted(parts) or 'none'}"
    beside = _counted(others)
    return f"{line}; {beside}" if beside else line


def _counted(parts: dict[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in parts.items() if count)
