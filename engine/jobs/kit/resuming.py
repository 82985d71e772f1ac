"""Rules for resuming, the same for all jobs: how `--resume` and `--overwrite` treat existing files.

neither        an existing output or interrupted run is an error, which names the option to give
--resume       continue the interrupted run if it had the same fingerprint; its unfinished output is
               replaced
--overwrite    start again and replace existing files
both           continue, and replace an output even if the interrupted run did not write it
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from engine.errors import UsageError
from engine.jobs.kit.fingerprint import differences
from engine.jobs.kit.job_folder import JobFolder


def check_start(
    work: JobFolder,
    *,
    resume: bool,
    overwrite: bool,
    existing: Sequence[str],
    is_ours: Callable[[Path], bool],
    may_differ: Iterable[str] = (),
) -> str:
    """Raise UsageError if the existing files may be neither replaced nor resumed. Returns a note if
    `resume` finds nothing to continue, else "". `existing`: the outputs that exist. `is_ours`: True
    for one that the interrupted run wrote. `may_differ`: keys of the fingerprint that may change
    when a run is resumed."""
    before = work.stored_fingerprint
    difference = "" if before is None else differences(before, work.fingerprint, but=may_differ)
    can_resume = before is not None and not difference
    first = existing[0] if existing else str(work.output)
    if resume:
        if difference and (work.has_entries or existing):
            differs = f"cannot resume, this run differs from the interrupted one: {difference}"
            hint = "give the same options, or --overwrite instead of --resume to start again"
            raise UsageError(f"{work.output}: {differs}; {hint}")
        if can_resume:
            foreign = [] if overwrite else [name for name in existing if not is_ours(Path(name))]
            if not foreign:
                return ""
            hint = "--resume together with --overwrite replaces it"
            raise UsageError(f"{foreign[0]}: was not written by the interrupted run; {hint}")
        if existing and not overwrite:
            alone = "exists already, and there is no interrupted run to resume"
            raise UsageError(f"{first}: {alone}; --overwrite replaces it")
        return f"{work.output}: no interrupted run to resume; started from the beginning"
    if overwrite:
        return ""
    resume_hint = ", --resume continues the interrupted run" if can_resume else ""
    if existing:
        raise UsageError(f"{first}: exists already; --overwrite replaces it{resume_hint}")
    if work.has_entries:
        another = f"another job ({difference}); --overwrite discards it"
        of = f"this job; --overwrite starts again{resume_hint}" if can_resume else another
        raise UsageError(f"{work.output}: there is an interrupted run of {of}")
    return ""


def mark_of(file: Path) -> list[int]:
    """Size and modification time; recognises a file that was renamed."""
    known = file.stat()
    return [known.st_size, known.st_mtime_ns]
