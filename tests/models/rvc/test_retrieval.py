"""Retrieval equals FAISS, weights are well defined for exact hits, and memory is bounded."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.models.rvc import retrieval
from engine.models.rvc.retrieval import NEIGHBOURS, Retrieval, protect

faiss = pytest.importorskip(
    "faiss", reason="not installed on a Mac, where it ends a process that has torch in it"
)

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    yield
    faiss.omp_set_num_threads(before)


def random_features(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def faiss_flat(
    embeddings: Tensor, queries: Tensor, k: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    index = faiss.IndexFlatL2(embeddings.shape[1])
    index.add(embeddings.numpy())
    return index.search(queries.numpy(), k)


def test_rows_equal_those_of_faiss_flat_at_the_size_of_a_real_voice() -> None:
    embeddings = random_features(1, 20_000, 768) * 0.3
    near = embeddings[torch.randint(20_000, (50,), generator=torch.Generator().manual_seed(2))]
    queries = torch.cat(
        [
            near + random_features(3, 50, 768) * 0.1,
            random_features(4, 49, 768) * 0.3,
            embeddings[:1],
        ]
    )
    expected_distances, expected_rows = faiss_flat(embeddings, queries)
    distances, rows = Retrieval(embeddings, CPU).search(queries)
    assert np.array_equal(rows.numpy(), expected_rows)
    # FAISS' distances contain rounding errors of |q|^2, about 70; ours are computed directly.
    np.testing.assert_allclose(distances.numpy(), expected_distances, atol=2e-4)
    assert distances[-1, 0] == 0.0
    assert (distances.dtype, rows.dtype) == (torch.float32, torch.int64)


@pytest.mark.parametrize("copies", [2, 40])
def test_of_equally_near_rows_the_first_are_taken_as_in_faiss(copies: int) -> None:
    some = random_features(5, 300, 64)
    embeddings = torch.cat([some] * copies)[
        torch.randperm(300 * copies, generator=torch.Generator().manual_seed(6))
    ]
    queries = random_features(7, 40, 64)
    _, expected_rows = faiss_flat(embeddings, queries)
    distances, rows = Retrieval(embeddings, CPU).search(queries)
    assert np.array_equal(rows.numpy(), expected_rows)
    is_tied = distances[:, 1:] == distances[:, :-1]
    assert is_tied.any() and (rows[:, 1:] > rows[:, :-1])[is_tied].all()


@pytest.mark.parametrize("count", [1, 7, 8, 63, 64, 65, 200, 1_000])
def test_any_number_of_rows_is_searched_in_pieces_of_any_size(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval, "ROWS", 130)
    monkeypatch.setattr(retrieval, "QUERIES", 11)
    assert_nearest(random_features(8, count, 16), random_features(9, 30, 16))


def assert_nearest(embeddings: Tensor, queries: Tensor) -> None:
    """Compare the search with an exact one in double precision."""
    exact = (
        (queries.double()[:, None] - embeddings.double()).square().sum(2).sort(dim=1, stable=True)
    )
    distances, rows = Retrieval(embeddings, CPU).search(queries)
    assert torch.equal(rows, exact.indices[:, :NEIGHBOURS])
    torch.testing.assert_close(
        distances.double(), exact.values[:, :NEIGHBOURS], rtol=1e-5, atol=0.0
    )


@pytest.mark.parametrize("power", [1, 2])
def test_the_nearest_are_weighted_by_their_inverse_distance(power: int) -> None:
    embeddings, features = random_features(13, 500, 24), random_features(14, 2, 9, 24)
    distances, rows = faiss_flat(embeddings, features.reshape(-1, 24))
    weights = (1.0 / distances) ** power
    weights /= weights.sum(1, keepdims=True)
    found = (weights[..., None] * embeddings.numpy()[rows]).sum(1).reshape(2, 9, 24)
    for rate in (0.0, 0.3, 1.0):
        blended = Retrieval(embeddings, CPU).blend(features, rate, power)
        np.testing.assert_allclose(
            blended.numpy(), rate * found + (1.0 - rate) * features.numpy(), atol=1e-5
        )


def test_an_exact_hit_has_all_the_weight() -> None:
    embeddings = random_features(15, 200, 16)
    features = torch.stack([embeddings[3], embeddings[7] + 1e-22, embeddings[5] + 1e-6])[None]
    for power in (1, 2):
        blended = Retrieval(embeddings, CPU).blend(features, 1.0, power)[0]
        torch.testing.assert_close(blended, embeddings[[3, 7, 5]], atol=2e-6, rtol=0.0)
    twice = torch.cat([embeddings, embeddings[3:4]])
    assert torch.equal(Retrieval(twice, CPU).blend(features, 1.0, 2)[0, 0], embeddings[3])


def test_nan_features_find_valid_rows() -> None:
    """An invalid row would end the process on a GPU."""
    store = Retrieval(random_features(17, 70, 8), CPU)
    queries = torch.full((3, 8), torch.nan)
    queries[1] = torch.inf
    _, rows = store.search(queries)
    assert ((rows >= 0) & (rows < 70)).all()


def test_breath_and_consonants_are_protected_from_the_index() -> None:
    retrieved, original = torch.full((1, 4, 2), 2.0), torch.zeros(1, 4, 2)
    f0 = torch.tensor([[220.0, 0.0, 0.0, 55.0]])
    assert protect(retrieved, original, f0, 0.25)[0, :, 0].tolist() == [2.0, 0.5, 0.5, 2.0]
    assert torch.equal(protect(retrieved, original, f0, 0.5), retrieved)
    assert protect(retrieved.half(), original.half(), f0, 0.25).dtype == torch.float16
