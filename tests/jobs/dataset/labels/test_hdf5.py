"""The HDF5 file: reading it back with h5py, reproducible bytes, and a full disk."""

import builtins
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from engine.errors import SinkError, UsageError
from engine.jobs.dataset.labels import hdf5, require_h5py, write_hdf5
from engine.jobs.dataset.rendered import Rendered

h5py = pytest.importorskip("h5py")


def rendered(height: int = 60, width: int = 80) -> Rendered:
    rng = np.random.default_rng(4)
    return Rendered(
        colors=rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        instances=rng.integers(0, 40000, (height, width), dtype=np.uint16),
        depth_m=rng.normal(100, 2, (height, width)).astype(np.float32),
        renderer="none",
    )


def test_arrays_are_read_back_unchanged(tmp_path: Path) -> None:
    what = rendered()
    write_hdf5(tmp_path / "0.hdf5", what)
    with h5py.File(tmp_path / "0.hdf5") as file:
        assert sorted(file) == ["colors", "depth", "instance_segmaps"]
        for name, array in (
            ("colors", what.colors),
            ("depth", what.depth_m),
            ("instance_segmaps", what.instances),
        ):
            assert file[name].dtype == array.dtype
            assert np.array_equal(file[name][:], array)


def test_two_files_of_different_seconds_have_the_same_bytes(tmp_path: Path, wait_for) -> None:
    write_hdf5(tmp_path / "0.hdf5", rendered())
    second = int(time.time())
    wait_for(lambda: int(time.time()) > second, "the next second, since HDF5 would store whole ones")
    write_hdf5(tmp_path / "1.hdf5", rendered())
    assert (tmp_path / "0.hdf5").read_bytes() == (tmp_path / "1.hdf5").read_bytes()


def test_a_chunk_is_a_band_of_whole_rows_that_the_cache_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "CHUNK_BYTES", 1000)
    write_hdf5(tmp_path / "0.hdf5", rendered())
    with h5py.File(tmp_path / "0.hdf5") as file:
        assert [file[name].chunks for name in sorted(file)] == [(4, 80, 3), (3, 80), (6, 80)]


def test_an_unwritable_path_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"none/0\.hdf5: cannot be written: No such file or directory$"):
        write_hdf5(tmp_path / "none" / "0.hdf5", rendered())
    with pytest.raises(SinkError, match=r": cannot be written: Is a directory$"):
        write_hdf5(tmp_path, rendered())


FULL_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from engine.jobs.dataset.labels import write_hdf5
from engine.jobs.dataset.rendered import Rendered
from engine.errors import SinkError
colors = np.random.default_rng(0).integers(0, 256, (400, 400, 3), dtype=np.uint8)
zeros = np.zeros((400, 400))
what = Rendered(colors=colors, instances=zeros.astype("u2"), depth_m=zeros.astype("f4"), renderer="none")
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    write_hdf5(Path(sys.argv[1]), what)
except SinkError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on a file's size")
def test_a_full_disk_gives_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "0.hdf5"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, path], capture_output=True, text=True, check=False, timeout=120
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == f"{path}: cannot be written: File too large\n"
    assert not path.exists()


def test_without_h5py_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    really_import = builtins.__import__

    def refuse(name: str, *rest, **kwargs):
        if name == "h5py":
            raise ImportError(name)
        return really_import(name, *rest, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(UsageError, match=r'pip install "multiverse-engine\[dataset\]"'):
        require_h5py()
