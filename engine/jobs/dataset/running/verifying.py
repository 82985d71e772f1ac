"""Compares the files of a dataset with the manifest's SHA-256."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from engine.jobs.dataset.running.manifest import Manifest, ManifestEntry
from engine.system.small_file import open_regular
from engine.system.work_folder import sha256_of

READERS = 4  # threads; hashing takes half as long as reading from a fast disk, and both release the GIL
SMALL_BYTES = 1 << 20
BATCH = 32  # pictures per call of a thread: those of 640 px take as long to hash as to hand over


@dataclass(slots=True, kw_only=True)
class Verified:
    """Indices of pictures, by the state of their files."""

    whole: set[int] = field(default_factory=set)
    """All files that are there are intact, and picture and labels are there."""
    enough: set[int] = field(default_factory=set)
    """Those of them that have all files that the run asks for."""
    damaged: dict[int, str] = field(default_factory=dict)
    """The first file that is not as it was written."""
    gone: set[int] = field(default_factory=set)
    """A file that every picture needs was removed."""
    is_complete: bool = True
    """False if the check was interrupted."""


@dataclass(frozen=True, slots=True)
class _Fault:
    path: str
    is_gone: bool


def verify(
    root: Path,
    manifest: Manifest,
    indices: list[int],
    needed: frozenset[str],
    optional: frozenset[str],
    tell: Callable[[int, int], None],
    is_stopped: Callable[[], bool],
) -> Verified:
    """Read all files of these finished pictures; the rest is unknown once `is_stopped`. Raises OSError.

    `needed`: folders of which the run wants a file of each picture. `optional`: folders whose files may have been
    removed. `tell(pictures, of_all)` receives the progress.
    """
    verified = Verified()
    entries = manifest.entries(indices)
    check = partial(_faults, os.fspath(root), needed, optional)
    with ThreadPoolExecutor(READERS, thread_name_prefix="check") as readers:
        done = 0
        while done < len(indices) and not is_stopped():
            batches = [list(islice(entries, BATCH)) for _ in range(READERS)]
            for batch, found in zip(batches, readers.map(check, batches), strict=True):
                for each, faults in zip(batch, found, strict=True):
                    _take(verified, each.index, faults, optional)
                done += len(batch)
            tell(done, len(indices))
    verified.is_complete = done == len(indices)
    return verified


def _take(verified: Verified, index: int, faults: list[_Fault], optional: frozenset[str]) -> None:
    damaged = next((fault.path for fault in faults if not fault.is_gone), None)
    if damaged is not None:
        verified.damaged[index] = damaged
    elif any(fault.path.partition("/")[0] not in optional for fault in faults):
        verified.gone.add(index)
    else:
        verified.whole.add(index)
        if not faults:
            verified.enough.add(index)


def _faults(
    root: str, needed: frozenset[str], optional: frozenset[str], batch: list[ManifestEntry]
) -> list[list[_Fault]]:
    return [list(_faults_of(root, entry, needed, optional)) for entry in batch]


def _faults_of(root: str, entry: ManifestEntry, needed: frozenset[str], optional: frozenset[str]) -> Iterator[_Fault]:
    """Files that differ from the manifest, and those that lack."""
    for folder in needed - {path.partition("/")[0] for path in entry.sha256}:
        yield _Fault(f"{folder}/", is_gone=True)
    for path, sha256 in entry.sha256.items():
        file = f"{root}/{path}"
        try:
            size = os.stat(file).st_size
            is_intact = size == entry.bytes.get(path) and _digest(file, size) == sha256
        except FileNotFoundError:
            folder = path.partition("/")[0]
            if folder not in optional or folder in needed:
                yield _Fault(path, is_gone=True)
            continue
        if not is_intact:
            yield _Fault(path, is_gone=False)


def _digest(path: str, size: int) -> str:
    """SHA-256 of a file. A small one is read at once: `file_digest` clears a buffer of 256 kB for each."""
    if size > SMALL_BYTES:
        return sha256_of(Path(path))
    with open_regular(Path(path)) as file:
        return hashlib.sha256(file.read()).hexdigest()
