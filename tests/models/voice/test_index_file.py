"""A voice's vectors out of its FAISS file."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from engine.errors import ModelError
from engine.models.voice.index_file import demand_width, index_size, read_index

VECTORS = np.random.default_rng(1).standard_normal((300, 32), np.float32)


def written(file: Path, factory: str, vectors: np.ndarray = VECTORS) -> Path:
    index = faiss.index_factory(vectors.shape[1], factory)
    index.train(VECTORS[:, : vectors.shape[1]])
    index.add(vectors)
    faiss.write_index(index, str(file))
    return file


@pytest.mark.parametrize("factory", ["IVF5,Flat", "Flat"])
def test_the_vectors_come_back_as_they_were_added(tmp_path: Path, factory: str) -> None:
    file = written(tmp_path / "voice.index", factory)
    assert index_size(file) == (300, 32)
    read = read_index(file, 32)
    assert read.dtype == np.float32 and np.array_equal(read, VECTORS)


def test_lists_of_the_index_may_be_empty(tmp_path: Path) -> None:
    assert np.array_equal(read_index(written(tmp_path / "voice.index", "IVF5,Flat", VECTORS[:2]), 32), VECTORS[:2])


def test_an_index_of_another_width_is_told_both(tmp_path: Path) -> None:
    file = written(tmp_path / "voice.index", "IVF5,Flat")
    with pytest.raises(ModelError, match=r"voice\.index: its vectors have 32 numbers, the voice's 768"):
        read_index(file, 768)


def test_an_empty_index_is_no_use(tmp_path: Path) -> None:
    file = written(tmp_path / "voice.index", "IVF5,Flat", VECTORS[:0])
    with pytest.raises(ModelError, match="the index is empty"):
        read_index(file, 32)


@pytest.mark.parametrize("content", [b"", b"I", b"a text", b"IwFl" + b"\xff" * 50, b"IwFl\x20\0\0\0" + b"\x20" * 60])
def test_what_is_no_index_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "voice.index").write_bytes(content)
    with pytest.raises(ModelError) as error:
        read_index(tmp_path / "voice.index", 32)
    assert "voice.index" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_an_index_that_was_cut_off_is_one_line(tmp_path: Path, share: float) -> None:
    whole = written(tmp_path / "whole.index", "IVF5,Flat").read_bytes()
    (tmp_path / "cut.index").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="cut off"):
        read_index(tmp_path / "cut.index", 32)


def test_an_index_that_does_not_keep_its_vectors_is_refused_before_faiss_ends_the_process(tmp_path: Path) -> None:
    index, file = faiss.IndexIDMap(faiss.IndexFlatL2(32)), tmp_path / "voice.index"
    index.add_with_ids(VECTORS, np.arange(len(VECTORS)))
    faiss.write_index(index, str(file))
    with pytest.raises(ModelError, match=r"voice\.index: an index that does not keep .* IVF,Flat"):
        read_index(file, 32)


def test_an_index_that_promises_more_vectors_than_it_has_is_refused_before_they_take_memory(tmp_path: Path) -> None:
    file = written(tmp_path / "voice.index", "IVF5,Flat")
    told = bytearray(file.read_bytes())
    told[8:16] = (2**40).to_bytes(8, "little")
    file.write_bytes(told)
    with pytest.raises(ModelError, match="cut off; it says 1099511627776 vectors"):
        demand_width(file, 32)


@pytest.mark.parametrize("promised", [301, 299])
def test_an_index_whose_vectors_have_other_numbers_is_refused(tmp_path: Path, promised: int) -> None:
    file = written(tmp_path / "voice.index", "IVF5,Flat")
    told = bytearray(file.read_bytes())
    told[8:16] = promised.to_bytes(8, "little")
    file.write_bytes(told)
    with pytest.raises(ModelError, match="not numbered one after the other"):
        read_index(file, 32)


def test_vectors_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    broken = VECTORS.copy()
    broken[7, 3] = np.nan
    with pytest.raises(ModelError, match="NaN"):
        read_index(written(tmp_path / "voice.index", "Flat", broken), 32)


def test_one_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no FAISS index"):
        read_index(tmp_path / "voice.index", 32)


def test_an_index_whose_vectors_lie_in_another_file_is_refused_before_faiss_opens_that(tmp_path: Path) -> None:
    index = faiss.index_factory(32, "IVF5,Flat")
    index.train(VECTORS)
    elsewhere = tmp_path / "lists.data"
    lists = faiss.OnDiskInvertedLists(index.nlist, index.code_size, str(elsewhere))
    index.replace_invlists(lists, False)
    index.add(VECTORS)
    file = tmp_path / "voice.index"
    faiss.write_index(index, str(file))
    for padded in (0, 300 * 32 * 4):  # its own length says nothing
        file.write_bytes(file.read_bytes() + bytes(padded))
        with pytest.raises(ModelError, match=r"voice\.index: names another file for its vectors"):
            demand_width(file, 32)
        elsewhere.unlink(missing_ok=True)
    with pytest.raises(ModelError, match="names another file"):
        read_index(file, 32)


def test_an_index_with_its_numbers_written_out_is_read(tmp_path: Path) -> None:
    index = faiss.index_factory(32, "IVF5,Flat")
    index.train(VECTORS)
    index.add(VECTORS)
    index.make_direct_map()
    faiss.write_index(index, str(tmp_path / "voice.index"))
    assert np.array_equal(read_index(tmp_path / "voice.index", 32), VECTORS)


def test_cells_that_are_found_by_something_else_than_a_flat_index_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "voice.index", "IVF5_HNSW,Flat")
    with pytest.raises(ModelError, match=r"IVF,Flat"):
        read_index(file, 32)
