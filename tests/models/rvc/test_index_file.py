"""Vectors read from a voice's FAISS file equal those that faiss reads."""

import itertools
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.rvc.index_file import count_vectors, read_index

faiss = pytest.importorskip(
    "faiss", reason="not installed on a Mac, where it ends a process that has torch in it"
)

VECTORS = np.random.default_rng(1).standard_normal((300, 32), np.float32)


def trained(
    factory: str, vectors: np.ndarray = VECTORS, metric: int = faiss.METRIC_L2
) -> "faiss.Index":
    index = faiss.index_factory(vectors.shape[1], factory, metric)
    index.train(vectors)
    return index


def stored(file: Path, index: "faiss.Index") -> Path:
    faiss.write_index(index, str(file))
    return file


def written(file: Path, factory: str, vectors: np.ndarray = VECTORS) -> Path:
    index = trained(factory)
    index.add(vectors)
    return stored(file, index)


def by_faiss(file: Path) -> np.ndarray:
    """Read the vectors with faiss, as RVC's WebUI does."""
    index = faiss.read_index(str(file))
    return index.reconstruct_n(0, index.ntotal)


def assert_read_as_by_faiss(file: Path, width: int) -> None:
    expected, read = by_faiss(file), read_index(file, width)
    assert read.dtype == np.float32 and np.array_equal(read, expected)
    assert count_vectors(file, width) == len(expected)


@pytest.mark.parametrize(
    ("lists", "count"), [(4, 200), (256, 9_984), (2_000, 600)], ids=["few", "usual", "sparse"]
)
@pytest.mark.parametrize("width", [256, 768])
def test_an_index_trained_by_rvc_is_read_as_by_faiss(
    tmp_path: Path, width: int, lists: int, count: int
) -> None:
    """As in infer/modules/train in RVC WebUI and rvc/train/process/extract_index.py in Applio.
    `IVF{lists},Flat`, nprobe 1, trained on all, added 8192 at a time. There are more lists than
    vectors, so most are empty and sizes are stored sparsely. The lists are not trained here but
    given, which makes no difference to reading."""
    random = np.random.default_rng(lists)
    vectors = random.standard_normal((count, width), np.float32)
    centres = faiss.IndexFlatL2(width)
    centres.add(random.standard_normal((lists, width), np.float32))
    index = faiss.IndexIVFFlat(centres, width, lists)
    index.nprobe = 1
    number, list_number = np.arange(count), random.integers(0, lists, count)
    for first in range(0, count, 8192):
        part = slice(first, first + 8192)
        each = [np.ascontiguousarray(every[part]) for every in (vectors, number, list_number)]
        index.add_core(len(each[0]), *map(faiss.swig_ptr, each))
    file = stored(tmp_path / "voice.index", index)
    assert (b"sprs" in file.read_bytes()) == (lists > 2 * count)
    assert np.array_equal(read_index(file, width), vectors)
    assert_read_as_by_faiss(file, width)


@pytest.mark.parametrize("factory", ["IVF5,Flat", "Flat"])
@pytest.mark.parametrize("metric", [faiss.METRIC_L2, faiss.METRIC_INNER_PRODUCT, faiss.METRIC_L1])
def test_the_vectors_come_back_as_they_were_added(
    tmp_path: Path, factory: str, metric: int
) -> None:
    index = trained(factory, metric=metric)
    index.add(VECTORS)
    file = stored(tmp_path / "voice.index", index)
    assert np.array_equal(read_index(file, 32), VECTORS)
    assert_read_as_by_faiss(file, 32)


@pytest.mark.parametrize("kind", ["NoMap", "Array", "Hashtable"])
def test_vectors_are_ordered_by_their_ids_and_a_direct_map_is_skipped(
    tmp_path: Path, kind: str
) -> None:
    index, numbers = trained("IVF5,Flat"), np.random.default_rng(2).permutation(300)
    index.add_with_ids(VECTORS, numbers) if kind == "NoMap" else index.add(VECTORS)
    index.set_direct_map_type(getattr(faiss.DirectMap, kind))
    file = stored(tmp_path / "voice.index", index)
    assert np.array_equal(
        read_index(file, 32)[numbers if kind == "NoMap" else slice(None)], VECTORS
    )
    assert_read_as_by_faiss(file, 32)
    few = written(tmp_path / "few.index", "IVF5,Flat", VECTORS[:2])  # most lists are empty
    assert np.array_equal(read_index(few, 32), VECTORS[:2])


def refused(file: Path, message: str, width: int = 32) -> None:
    """Assert that both ways to read the file refuse it, in one line that names it."""
    for read in (read_index, count_vectors):
        with pytest.raises(ModelError, match=rf"{file.name}: .*{message}") as error:
            read(file, width)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("factory", ["IVF5,Flat", "Flat"])
def test_an_index_of_another_width_or_without_vectors_is_refused(
    tmp_path: Path, factory: str
) -> None:
    refused(
        written(tmp_path / "voice.index", factory),
        "its vectors have 32 numbers, the voice's 768",
        768,
    )
    empty = written(tmp_path / "trained_IVF5_Flat_nprobe_1_name_v2.index", factory, VECTORS[:0])
    refused(empty, r"the index is empty; .* the vectors are in added_\*\.index")


def test_a_file_that_is_not_an_index_is_one_line(tmp_path: Path) -> None:
    refused(tmp_path / "voice.index", "the index cannot be read: ")
    for content in (b"", b"I", b"a text", b"IwFl" + b"\xff" * 50, b"IwFl\x20\0\0\0" + b"\x20" * 60):
        (tmp_path / "voice.index").write_bytes(content)
        refused(tmp_path / "voice.index", "")


@pytest.mark.parametrize("factory", ["IVF5,Flat", "Flat"])
def test_an_index_truncated_anywhere_is_one_line(tmp_path: Path, factory: str) -> None:
    whole = written(tmp_path / "whole.index", factory).read_bytes()
    cut = tmp_path / "cut.index"
    headers = itertools.chain(range(4, 120), range(700, 860))
    for length in itertools.chain(headers, range(900, len(whole), 1999), [len(whole) - 1]):
        cut.write_bytes(whole[:length])
        refused(cut, "truncated|index of the kind")


def test_any_damaged_header_is_one_line_and_takes_no_memory(tmp_path: Path) -> None:
    """Replaces each eight bytes before the vectors, one after the other, by huge and by negative
    numbers."""
    whole, broken = (
        written(tmp_path / "whole.index", "IVF5,Flat").read_bytes(),
        tmp_path / "broken.index",
    )
    lists_at = whole.index(b"ilar")
    heads = itertools.chain(range(4, 120), range(lists_at - 12, lists_at + 80))
    tracemalloc.start()
    try:
        for offset, value in itertools.product(heads, (2**63 - 1, 2**40, -1)):
            broken.write_bytes(whole[:offset] + struct.pack("<q", value) + whole[offset + 8 :])
            try:
                read_index(broken, 32)
            except ModelError as error:
                assert "\n" not in str(error)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


BY_OPENMP = pytest.mark.only_on(
    "linux", "darwin", reason="ends the program under Wine, whose OpenMP lacks a loop"
)


@pytest.mark.parametrize(
    ("factory", "named"),
    [
        ("PQ4x4np", r"PQ \(IxPq\)"),
        ("IVF5,SQ8", r"IVF,SQ \(IwSq\)"),
        ("HNSW8", r"HNSW,Flat \(IHNf\)"),
        ("IDMap,Flat", r"IDMap \(IxMp\)"),
        ("LSH", "an index of the kind 'IxHe'"),
        pytest.param(
            "IVF5_HNSW8,Flat", r"finds its lists with HNSW,Flat \(IHNf\)", marks=BY_OPENMP
        ),
    ],
)
def test_an_index_of_another_kind_is_refused_by_its_name(
    tmp_path: Path, factory: str, named: str
) -> None:
    index = trained(factory)
    if factory.startswith("IVF"):
        index.add(VECTORS)
    refused(stored(tmp_path / "voice.index", index), f"{named}.*a voice's index is IVF,Flat")


def test_an_index_with_a_wrong_count_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "voice.index", "IVF5,Flat")
    whole = file.read_bytes()
    for promised, message in (
        (2**40, "truncated; it declares 1099511627776 vectors"),  # before memory is taken
        (301, "declares 301 vectors, but its lists hold 300"),
        (299, "declares 299 vectors, but its lists hold 300"),
    ):
        file.write_bytes(whole[:8] + promised.to_bytes(8, "little") + whole[16:])
        refused(file, message)


def test_vectors_that_are_not_numbered_consecutively_are_refused(tmp_path: Path) -> None:
    for number in (-1, 0, 300, 2**40):  # negative, twice, beyond and far beyond
        index, numbers = trained("IVF5,Flat"), np.arange(300)
        numbers[7] = number
        index.add_with_ids(VECTORS, numbers)
        refused(stored(tmp_path / "voice.index", index), "not numbered consecutively")


def test_vectors_with_nan_are_refused(tmp_path: Path) -> None:
    """faiss counts vectors that are near none of its lists, but puts them into none."""
    in_no_list = "declares 300 vectors, but its lists hold 299.*NaN"
    for factory, message in (("Flat", "holds NaN or infinity"), ("IVF5,Flat", in_no_list)):
        for broken in (np.nan, np.inf):
            vectors = VECTORS.copy()
            vectors[7, 3] = broken
            with pytest.raises(ModelError, match=message):
                read_index(written(tmp_path / "voice.index", factory, vectors), 32)


@pytest.mark.only_on("linux", "darwin", reason="faiss for Windows keeps no vectors in another file")
def test_an_index_without_its_vectors_is_refused_and_a_file_that_it_names_is_not_opened(
    tmp_path: Path,
) -> None:
    index, elsewhere = trained("IVF5,Flat"), tmp_path / "lists.data"
    lists = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(elsewhere))
    index.replace_invlists(lists, False)
    index.add(VECTORS)
    file = stored(tmp_path / "voice.index", index)
    for padded in (0, 300 * 32 * 4):  # its own length says nothing
        file.write_bytes(file.read_bytes() + bytes(padded))
        refused(file, "names another file for its vectors")
        elsewhere.unlink(missing_ok=True)
    index = trained("IVF5,Flat")
    index.add(VECTORS)
    index.own_invlists, index.invlists = False, None
    refused(stored(tmp_path / "voice.index", index), "was written without its vectors")
