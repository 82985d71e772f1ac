"""The HDF5 file, read back with h5py."""

import io
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.dataset.labels.writers import hdf5, writers_of
from tests.dataset.labels.records import source_of_piles

h5py = pytest.importorskip("h5py")


def made(height: int = 60, width: int = 80) -> tuple[bytes, dict[str, np.ndarray]]:
    """The file of a picture of recipe 1, and its arrays."""
    rng = np.random.default_rng(4)
    numbers = rng.integers(0, 40000, (height, width), dtype=np.uint16)
    colors = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    depth_m = rng.normal(100, 2, (height, width)).astype(np.float32)
    (writer,) = writers_of(["hdf5"])
    content = writer.files(source_of_piles(numbers, colors=colors, depth_m=depth_m))["hdf5/000000.hdf5"]
    return content, {"colors": colors, "depth": depth_m, "instance_segmaps": numbers}


def test_arrays_are_read_back_unchanged_from_bands_of_whole_rows_that_the_cache_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hdf5, "CHUNK_BYTES", 1000)
    content, arrays = made()
    with h5py.File(io.BytesIO(content)) as file:
        assert sorted(file) == sorted(arrays)
        for name, array in arrays.items():
            assert file[name].dtype == array.dtype and np.array_equal(file[name][:], array)
        assert [file[name].chunks for name in sorted(file)] == [(4, 80, 3), (3, 80), (6, 80)]


def test_two_files_of_different_seconds_have_the_same_bytes(wait_for: Callable[..., Any]) -> None:
    first, _ = made()
    second = int(time.time())
    wait_for(lambda: int(time.time()) > second, "the next second, since HDF5 would store whole ones")
    assert made()[0] == first
