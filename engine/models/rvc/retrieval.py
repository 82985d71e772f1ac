"""Moves content features towards the target voice, by exact nearest-neighbour search among its
feature vectors.

|q - e|^2 = |q|^2 + |e|^2 - 2 q e for all rows at once is one matrix product without |q|^2. It is a
difference of large numbers, so it only selects candidates, twice as many as requested, whose
distances are then computed directly and sorted. Of equally near rows the first is taken, as in
FAISS.
"""

import logging
from typing import Final

import torch
from torch import Tensor

log = logging.getLogger(__name__)

NEIGHBOURS: Final = 8  # RVC
SPARE: Final = 2
ROWS: Final = 16_384
"""Embeddings scored at once, for QUERIES queries: 32 MiB of scores."""
QUERIES: Final = 512
BLOCK: Final = 64


class Retrieval:
    """Searches the embeddings on `device`, always in float32. Not thread-safe."""

    def __init__(self, embeddings: Tensor, device: torch.device) -> None:
        """`embeddings` (n, C), n >= 1."""
        self.device = device
        self.embeddings = embeddings.to(device, torch.float32).contiguous()
        self._mean = self.embeddings.mean(0)
        self._lengths = torch.cat(
            [(rows - self._mean).square().sum(1) for rows in torch.split(self.embeddings, ROWS)]
        )
        log.info(
            "Loaded %d embeddings to %s for GPU-accelerated retrieval", len(embeddings), device
        )

    def search(self, queries: Tensor, k: int = NEIGHBOURS) -> tuple[Tensor, Tensor]:
        """The k nearest rows of (q, C): squared distances (q, k) float32, ascending, and rows (q,
        k) int64. Fewer than k if there are fewer rows. Nothing waits for the device."""
        found = [
            self._search(part, k)
            for part in torch.split(queries.to(self.device, torch.float32), QUERIES)
        ]
        return torch.cat([distances for distances, _ in found]), torch.cat(
            [rows for _, rows in found]
        )

    def blend(self, features: Tensor, rate: float, power: float) -> Tensor:
        """Blend (B, T, C) with its nearest rows: `rate`, 0..1, of the weighted mean of the k
        nearest. Weights are (1 / squared distance)^power. An exact hit gets all the weight."""
        queries = features.flatten(0, 1).to(self.device, torch.float32)  # (B T, C)
        found = torch.cat(
            [self._nearest_mean(part, power) for part in torch.split(queries, QUERIES)]
        )
        found = found.view_as(features).to(features.device)
        return torch.lerp(features.float(), found, rate).to(features.dtype)

    def _nearest_mean(self, queries: Tensor, power: float) -> Tensor:
        distances, rows = self._search(queries, NEIGHBOURS)
        nearest = distances[:, :1]
        # Relative to the nearest: 1 / s would be infinite for a hit, and its square overflow
        # float32 close to one.
        weights = torch.where(distances > nearest, nearest / distances, 1.0) ** power
        weights = weights / weights.sum(1, keepdim=True)
        return torch.einsum("qk,qkc->qc", weights, self.embeddings[rows])

    def _search(self, queries: Tensor, k: int) -> tuple[Tensor, Tensor]:
        candidate_count = min(SPARE * k, len(self.embeddings))
        scores, rows = self._nearest(queries, 0, candidate_count)
        for first in range(ROWS, len(self.embeddings), ROWS):
            more_scores, more_rows = self._nearest(queries, first, candidate_count)
            scores = torch.cat([scores, more_scores], 1)
            rows = torch.cat([rows, more_rows], 1)
            indices = _smallest(scores, candidate_count)
            scores = scores.gather(1, indices)
            rows = rows.gather(1, indices)
        distances = (self.embeddings[rows] - queries[:, None]).square().sum(2)  # (q, candidates)
        indices = _smallest(distances, min(k, candidate_count))
        distances, order = distances.gather(1, indices).sort(dim=1, stable=True)
        return distances, rows.gather(1, indices).gather(1, order)

    def _nearest(self, queries: Tensor, first: int, candidate_count: int) -> tuple[Tensor, Tensor]:
        """Scores and rows, (q, candidate_count) or fewer, among ROWS rows from `first` on;
        ascending by row."""
        part = self.embeddings[first : first + ROWS]
        # |e - m|^2 - 2 (q - m) e, with the mean m. The other terms are the same for every row.
        scores = torch.addmm(
            self._lengths[first : first + ROWS], queries - self._mean, part.T, alpha=-2.0
        )  # (q, rows)
        indices = _smallest_of_many(scores, min(candidate_count, len(part)))
        return scores.gather(1, indices), indices + first


def protect(features: Tensor, original: Tensor, f0: Tensor, fraction: float) -> Tensor:
    """In unvoiced frames, mix `fraction` of the retrieved features with the original ones. Features
    (B, T, C) and f0 (B, T) Hz, 0 where unvoiced. From a fraction of 0.5 on, the retrieved features
    are used everywhere."""
    if fraction >= 0.5:
        return features
    weight = torch.where(f0 > 0.0, 1.0, fraction)[..., None]  # (B, T, 1)
    return torch.lerp(original, features, weight.to(features.dtype))


def _smallest_of_many(scores: Tensor, count: int) -> Tensor:
    """Like `_smallest`, in a single pass over (q, n): the smallest `count` values are in the
    `count` blocks with the smallest minima (the first of equal ones), or after the last whole
    block."""
    whole = scores.shape[1] // BLOCK * BLOCK
    if whole <= count * BLOCK:
        return _smallest(scores, count)
    blocks = _smallest(torch.unflatten(scores[:, :whole], 1, (-1, BLOCK)).amin(2), count)
    inside = torch.arange(BLOCK, device=scores.device)
    after = torch.arange(whole, scores.shape[1], device=scores.device)
    indices = torch.cat(
        [(blocks[:, :, None] * BLOCK + inside).flatten(1), after.expand(len(scores), -1)], 1
    )
    return indices.gather(1, _smallest(scores.gather(1, indices), count))


def _smallest(scores: Tensor, count: int) -> Tensor:
    """Indices (q, count), ascending, of the smallest values of each row of (q, n). Of values that
    equal the last one `topk` alone picks any; these are the first."""
    last = scores.topk(count, dim=1, largest=False).values.amax(1, keepdim=True)
    # exact below 2^24
    indices = torch.arange(scores.shape[1], device=scores.device, dtype=torch.float32)
    rank = torch.where(scores == last, indices, torch.inf).masked_fill_(scores < last, -1.0)
    return rank.topk(count, dim=1, largest=False).indices.sort(dim=1).values
