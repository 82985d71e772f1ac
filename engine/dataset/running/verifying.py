"""Compares the files of a dataset with the manifest's SHA-256."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from engine.dataset.running.manifest import Manifest, ManifestEntry
from engine.system.small_file import open_regular
from engine.system.work_folder import sha256_of

READERS = (
    4  # threads; hashing takes half as long as reading from a fast disk, and both release the GIL
)
SMALL_BYTES = 1 << 20
BATCH = 32  # pictures per call of a thread: those of 640 px take as long to hash as to hand over


def verify(
    root: Path,
    manifest: Manifest,
    indices: list[int],
    needed: frozenset[str],
    optional: frozenset[str],
    on_progress: Callable[[int, int], object],
    is_stopped: Callable[[], bool],
) -> Iterator[tuple[int, str, list[str]]]:
    """Read all files of these finished pictures until `is_stopped`. Yields index, first damaged
    file or "", and missing files of each. Raises OSError. `needed`: folders in which the run needs
    a file per picture. `optional`: those whose files may have been removed. `on_progress(pictures,
    of_all)`."""
    folder = os.fspath(root)

    def check(batch: list[ManifestEntry]) -> list[tuple[int, str, list[str]]]:
        return [(entry.index, *_faults(folder, entry, needed, optional)) for entry in batch]

    entries = manifest.entries(indices)
    done = 0
    with ThreadPoolExecutor(READERS, thread_name_prefix="check") as readers:
        while done < len(indices) and not is_stopped():
            for found in readers.map(check, [list(islice(entries, BATCH)) for _ in range(READERS)]):
                yield from found
                done += len(found)
            on_progress(done, len(indices))


def _faults(
    root: str, entry: ManifestEntry, needed: frozenset[str], optional: frozenset[str]
) -> tuple[str, list[str]]:
    """First file that differs from the manifest, or "", and missing files; a folder for a file that
    it never had."""
    damaged = ""
    missing = [
        f"{folder}/" for folder in needed - {path.partition("/")[0] for path in entry.sha256}
    ]
    for path, sha256 in entry.sha256.items():
        file = f"{root}/{path}"
        try:
            size = os.stat(file).st_size
            is_intact = size == entry.bytes.get(path) and _digest(file, size) == sha256
        except FileNotFoundError:
            folder = path.partition("/")[0]
            if folder not in optional or folder in needed:
                missing.append(path)
            continue
        if not is_intact:
            damaged = damaged or path
    return damaged, missing


def _digest(path: str, size: int) -> str:
    """SHA-256 of a file. A small one is read at once: `file_digest` clears a buffer of 256 kB for
    each."""
    if size > SMALL_BYTES:
        return sha256_of(Path(path))
    with open_regular(Path(path)) as file:
        return hashlib.sha256(file.read()).hexdigest()
