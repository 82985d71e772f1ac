"""Rules for dropping tracked objects and accepting new ones. Pure functions, no clock."""

from collections.abc import Mapping, Sequence

LOST_AFTER = 30
"""Number of consecutive results in which an object is missing after which it is dropped, to make room for others."""


class MissedResults:
    """Counts for each object the consecutive results in which it was missing."""

    def __init__(self, results: Mapping[int, int] | None = None) -> None:
        """`results`: those of another MissedResults, to continue from."""
        self._results: dict[int, int] = dict(results or {})

    @property
    def results(self) -> dict[int, int]:
        """Number of consecutive results in which each object was missing, by id."""
        return dict(self._results)

    def after(self, is_seen: Mapping[int, bool]) -> list[int]:
        """Count one more result. Returns the ids of the objects that are now lost.

        `is_seen` has all tracked objects: True if this result shows the object and the detector confirms it. Objects
        not in it are removed.
        """
        self._results = {
            object_id: 0 if seen else self._results.get(object_id, 0) + 1 for object_id, seen in is_seen.items()
        }
        return [object_id for object_id, missed in self._results.items() if missed >= LOST_AFTER]


def surplus_ids(scores: Mapping[int, float], threshold: float, max_objects: int) -> list[int]:
    """Ids to drop so that only the best `max_objects` with a score of at least `threshold` stay.

    Of equal scores the older object, with the smaller id, stays.
    """
    ranked = sorted(scores, key=lambda object_id: (-scores[object_id], object_id))
    return [
        object_id for place, object_id in enumerate(ranked) if place >= max_objects or scores[object_id] < threshold
    ]


def best_candidates(candidates: Sequence[int], scores: Sequence[float], free: int) -> list[int]:
    """The candidates (indices into `scores`) to accept: at most `free`, best first."""
    if len(candidates) <= free:
        return list(candidates)
    return sorted(candidates, key=lambda place: -scores[place])[:free]


def threshold_for_new(threshold: float, own_threshold: float, own_for_new: float) -> float:
    """Minimum score for a detection to become a new object while others are tracked.

    The model's own thresholds are 0.5 for detections and 0.7 for new objects, so 0.6 of the range from 0.5 to 1 lies
    above 0.7. The same proportion is used for every threshold: 0.43 for 0.05, 0.7 for 0.5 and 0.97 for 0.95.
    """
    return 1.0 - (1.0 - threshold) * (1.0 - own_for_new) / (1.0 - own_threshold)
