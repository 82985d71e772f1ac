"""Who is followed and who is let go: pure, without a clock."""

from collections.abc import Mapping, Sequence

LOST_AFTER = 30
"""Results in a row without a sign of an object before it is let go: its place is wanted for others."""


class Absence:
    """For how many results in a row each object has not been seen."""

    def __init__(self, results: Mapping[int, int] | None = None) -> None:
        """`results`: of another one, to go on from."""
        self._results: dict[int, int] = dict(results or {})

    @property
    def results(self) -> dict[int, int]:
        """Results in a row without a sign, by id."""
        return dict(self._results)

    def after(self, is_seen: Mapping[int, bool]) -> list[int]:
        """Ids of those that are lost after one more result. `is_seen`: of everyone followed, whether this result shows
        it where the detector sees something too; who is not in it is forgotten."""
        self._results = {
            object_id: 0 if seen else self._results.get(object_id, 0) + 1 for object_id, seen in is_seen.items()
        }
        return [object_id for object_id, missed in self._results.items() if missed >= LOST_AFTER]


def too_many(scores: Mapping[int, float], threshold: float, most: int) -> list[int]:
    """Ids to let go so that at most `most` stay, the best, each with a score of at least `threshold`. Of equal scores
    the older one, with the smaller id, stays."""
    ranked = sorted(scores, key=lambda object_id: (-scores[object_id], object_id))
    return [object_id for place, object_id in enumerate(ranked) if place >= most or scores[object_id] < threshold]


def winners(candidates: Sequence[int], scores: Sequence[float], free: int) -> list[int]:
    """The candidates, which are places in `scores`, that there is room for: all, or the best `free`, best first."""
    if len(candidates) <= free:
        return list(candidates)
    return sorted(candidates, key=lambda place: -scores[place])[:free]


def threshold_for_new(threshold: float, own_threshold: float, own_for_new: float) -> float:
    """Least score of a detection to become an object while others are followed.

    The model's own numbers (0.5 and 0.7) ask of a new object to lack, on the way from the threshold to 1, the same
    share for every threshold: 1 - (1 - 0.7) / (1 - 0.5) of it, so 0.43 at 0.05, 0.7 at 0.5 and 0.97 at 0.95.
    """
    return 1.0 - (1.0 - threshold) * (1.0 - own_for_new) / (1.0 - own_threshold)
