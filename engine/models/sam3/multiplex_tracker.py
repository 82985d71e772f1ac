"""Tracks objects with SAM 3.1: like `tracker.py`, with memories that 16 objects share."""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from typing import Any, ClassVar

import torch

from engine.models.device_work import upload
from engine.models.sam3.association import TrackingDecision
from engine.models.sam3.detector import Detector
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex import BucketEncoder, BucketPropagation, ObjectMask, scale
from engine.models.sam3.multiplex_buckets import Group, Remembered, join
from engine.models.sam3.multiplex_model import is_multiplex
from engine.models.sam3.propagation import TrackerOutput, VisionFeatures
from engine.models.sam3.tracker import Candidates, Tracker

GIVEN_LOGIT = (
    1024.0  # of the detector's masks before they are scaled for the memory (Meta's program)
)


def tracker_for(model: SegmentationModel, detector: Detector) -> Tracker:
    """The tracker for a model that has one."""
    return (MultiplexTracker if is_multiplex(model.video) else Tracker)(model, detector)


class MultiplexTracker(Tracker):
    """A Tracker for SAM 3.1."""

    NETWORKS: ClassVar[tuple[Any, Any]] = BucketPropagation, BucketEncoder

    def reset(self) -> None:
        super().reset()
        self._groups: list[Group] = []
        self._slots: torch.Tensor | None = None

    def state(self) -> dict[str, Any]:
        return super().state() | {"groups": [vars(group) for group in self._groups]}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._groups = [Group(**each) for each in state["groups"]]
        self._slots = None

    def _propagate(
        self, vision: VisionFeatures, between: Callable[[], None]
    ) -> tuple[TrackerOutput, torch.Tensor]:
        if self._slots is None:
            ids = [each for group in self._groups for bucket in group.buckets for each in bucket]
            self._slots = upload(
                torch.tensor([ids.index(each.id) for each in self._objects]), self._model.device
            )
        state = vision, self._groups, self._slots, self._frames, between
        tracked = self._propagation.propagate_buckets(*state, count=self.memories)
        return tracked, self._fill_holes(tracked.masks)

    def _settle(
        self, masks: list[torch.Tensor], candidates: Candidates, decision: TrackingDecision
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The detector's masks are remembered and shown, unless they are hidden."""
        for index, row in decision.reconditioned.items():
            found = candidates.mask(row)
            masks[index] = torch.where((found > 0) == (masks[index] > 0), masks[index], found)
        settled, _ = super()._settle(masks, candidates, decision)
        return settled, list(settled)

    def _encode_memories(
        self,
        vision: VisionFeatures,
        candidates: Candidates,
        tracked: TrackerOutput | None,
        masks: Sequence[torch.Tensor],
        decision: TrackingDecision,
        between: Callable[[], None],
    ) -> tuple[list[Group], dict[int, Remembered]]:
        """The groups after this picture, and what each remembers of it, by its first frame."""
        encoder = self._memory_encoder
        count = len(self._objects)
        everyone = [*self._objects, *decision.new]
        index_of = {each.id: index for index, each in enumerate(everyone)}
        prompts = [each.prompt for each in everyone]
        groups = [copy(group) for group in self._groups]
        joined = join(groups, [each.id for each in decision.new], self._frames)
        between()
        rows = decision.reconditioned | dict(
            zip(range(count, len(everyone)), decision.rows, strict=True)
        )
        conditioning = encoder.start(
            vision, {index: candidates.mask(row) for index, row in rows.items()}
        )
        pointers = dict(enumerate(tracked.pointers)) if tracked else {}
        pointers |= {index: pointer for index, (_, _, pointer) in conditioning.items()}
        blank = torch.zeros_like(next(iter(pointers.values())))
        found: dict[int, Remembered] = {}
        for some in filter(
            None, ([each for each in groups if each is not joined], [joined] if joined else [])
        ):
            between()
            buckets = [
                [index_of.get(each, -1) for each in bucket]
                for group in some
                for bucket in group.buckets
            ]
            members = sorted(each for bucket in buckets for each in bucket if each >= 0)
            if some[0] is joined:
                logits, scores = map(
                    list, zip(*self._begin(tracked, conditioning, members), strict=True)
                )
                large = encoder.separate(logits, [prompts[each] for each in members])
            else:
                settled = encoder.settle(masks, prompts[:count])
                large, scores = ([part[each] for each in members] for part in settled)
            logits_of = dict(zip(members, zip(large, scores, strict=True), strict=True))
            memory = encoder.encode_buckets(vision, logits_of, conditioning, buckets)
            of_slots = torch.stack(
                [torch.stack([pointers.get(each, blank) for each in bucket]) for bucket in buckets]
            )
            split = (
                torch.split(each, [len(group.buckets) for group in some])
                for each in (of_slots, memory)
            )
            for group, *own in zip(some, *split, strict=True):
                found[group.first] = own[0], own[1], vision.coarse.transpose(0, 1)
        return groups, found

    def _begin(
        self,
        tracked: TrackerOutput | None,
        conditioning: dict[int, ObjectMask],
        members: Sequence[int],
    ) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Masks (side, side) and logits of being visible of a group that new objects join: the
        detector's masks without what others of them cover, and the propagated ones as they are."""
        found = []
        count = len(self._objects)
        for each in members:
            if each not in conditioning:
                assert tracked is not None
                found.append((tracked.masks[each], tracked.scores[each]))
                continue
            cut, score, _ = conditioning[each]
            alike = [
                other
                for other in members
                if other in conditioning and (other < count) == (each < count)
            ]
            others = [conditioning[other][0] for other in alike if other != each]
            alone = cut * (1.0 - torch.stack(others).amax(dim=0)) if others else cut
            found.append(
                (
                    scale((2.0 * alone - 1.0)[None] * GIVEN_LOGIT, len(cut) // 4, antialias=True)[
                        0
                    ],
                    score,
                )
            )
        return found

    def _store_memories(self, decision: TrackingDecision, memories: Any) -> None:
        for each, doubts in zip(self._objects, decision.doubts, strict=True):
            each.doubts = doubts
        self._add_objects(decision)
        if memories:
            self._groups, found = memories
            for group in self._groups:
                group.add(self._frames, found[group.first], self._propagation.config)
        self._slots = None if decision.new else self._slots

    def _drop(self, ids: Iterable[int]) -> None:
        dropped = set(ids) & {each.id for each in self._objects}
        super()._drop(dropped)
        if dropped:
            for group in self._groups:
                group.drop(dropped)
            self._groups = [group for group in self._groups if group.buckets]
            self._slots = None
