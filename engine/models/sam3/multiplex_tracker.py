"""Tracks objects with SAM 3.1: like `tracker.py`, with memories that 16 objects share."""

from collections.abc import Iterable, Sequence
from copy import copy
from typing import Any, ClassVar, Final

import torch
from torch import Tensor

from engine.models.device_work import upload
from engine.models.graphs import Between
from engine.models.sam3.association import TrackingDecision
from engine.models.sam3.detector import Detector
from engine.models.sam3.model import SegmentationModel
from engine.models.sam3.multiplex import BucketEncoder, BucketPropagation, ObjectMask, scale
from engine.models.sam3.multiplex_buckets import Group, Remembered, join
from engine.models.sam3.multiplex_model import BUCKET, is_multiplex
from engine.models.sam3.propagation import TrackerOutput, VisionFeatures
from engine.models.sam3.tracker import Candidates, Tracker

GIVEN_LOGIT: Final = 1024.0
"""Logit of the detector's masks before they are scaled for the memory (Meta's program)."""
NO_OBJECT: Final = -1
"""Instead of an object's index, for a slot without one."""


def tracker_for(model: SegmentationModel, detector: Detector) -> Tracker:
    """The tracker for a model that has one."""
    return (MultiplexTracker if is_multiplex(model.video) else Tracker)(model, detector)


class MultiplexTracker(Tracker):
    """A Tracker for SAM 3.1."""

    PROPAGATION: ClassVar[Any] = BucketPropagation
    MEMORY_ENCODER: ClassVar[Any] = BucketEncoder

    def reset(self) -> None:
        super().reset()
        self._groups: list[Group] = []
        self._slots: Tensor | None = None

    def state(self) -> dict[str, Any]:
        return super().state() | {"groups": [vars(group) for group in self._groups]}

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._groups = [Group(**each) for each in state["groups"]]
        self._slots = None

    def _propagate(self, vision: VisionFeatures, between: Between) -> tuple[TrackerOutput, Tensor]:
        if self._slots is None:
            ids = [each for group in self._groups for bucket in group.buckets for each in bucket]
            slots = torch.tensor([ids.index(each.id) for each in self._objects])
            self._slots = upload(slots, self._model.device)
        tracked = self._propagation.propagate_buckets(
            vision, self._groups, self._slots, self._frames, between, count=self.memories
        )
        return tracked, self._fill_holes(tracked.masks)

    def _settle(
        self, masks: list[Tensor], candidates: Candidates, decision: TrackingDecision
    ) -> tuple[list[Tensor], list[Tensor]]:
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
        masks: Sequence[Tensor],
        decision: TrackingDecision,
        between: Between,
    ) -> tuple[list[Group], dict[int, Remembered]]:
        """The groups after this picture, and what each remembers of it, by its first frame."""
        encoder = self._memory_encoder
        everyone = [*self._objects, *decision.new]
        index_of = {each.id: index for index, each in enumerate(everyone)}
        prompts = [each.prompt for each in everyone]
        groups = [copy(group) for group in self._groups]
        joined = join(groups, [each.id for each in decision.new], self._frames)
        between()
        rows = dict(decision.reconditioned)
        rows |= enumerate(decision.rows, start=len(self._objects))
        detected = {index: candidates.mask(row) for index, row in rows.items()}  # (side, side)
        conditioning = encoder.start(vision, detected)
        pointers = dict(enumerate(tracked.pointers)) if tracked else {}  # (C,)
        pointers |= {index: pointer for index, (_, _, pointer) in conditioning.items()}
        pointers[NO_OBJECT] = torch.zeros_like(next(iter(pointers.values())))
        features = vision.coarse.transpose(0, 1)  # (1, g * g, C)
        known = [group for group in groups if group is not joined]
        found: dict[int, Remembered] = {}
        for some in filter(None, (known, [joined] if joined else [])):
            between()
            ids = [bucket for group in some for bucket in group.buckets]
            buckets = [[index_of.get(each, NO_OBJECT) for each in bucket] for bucket in ids]
            indices = [each for bucket in buckets for each in bucket]
            members = sorted(set(indices) - {NO_OBJECT})
            if some is known:
                settled = encoder.settle(masks, prompts[: len(self._objects)])
                large, scores = ([part[each] for each in members] for part in settled)
            else:
                small, scores = self._begin(tracked, conditioning, members)
                large = encoder.separate(small, [prompts[each] for each in members])
            logits = dict(zip(members, zip(large, scores, strict=True), strict=True))
            memories = encoder.encode_buckets(vision, logits, conditioning, buckets)
            of_slots = torch.stack([pointers[each] for each in indices])  # (B * 16, C)
            of_buckets = of_slots.view(-1, BUCKET, of_slots.shape[-1])  # (B, 16, C)
            counts = [len(group.buckets) for group in some]
            split = torch.split(of_buckets, counts), torch.split(memories, counts)
            for group, own_pointers, own_memories in zip(some, *split, strict=True):
                found[group.first] = own_pointers, own_memories, features
        return groups, found

    def _begin(
        self,
        tracked: TrackerOutput | None,
        conditioning: dict[int, ObjectMask],
        members: Sequence[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Masks (side, side) and logits of being visible of a group that new objects join: the
        detector's masks without what others of them cover, and the propagated ones as they are."""
        masks = []
        scores = []
        count = len(self._objects)
        for each in members:
            if each not in conditioning:
                assert tracked is not None
                masks.append(tracked.masks[each])
                scores.append(tracked.scores[each])
                continue
            alone, score, _ = conditioning[each]  # (4 side, 4 side) of 0 and 1
            alike = [other for other in members if (other < count) == (each < count)]
            others = [
                conditioning[other][0] for other in alike if other in conditioning and other != each
            ]
            if others:
                alone = alone * (1.0 - torch.stack(others).amax(dim=0))
            logits = (2.0 * alone - 1.0) * GIVEN_LOGIT
            masks.append(scale(logits[None], len(alone) // 4, antialias=True)[0])
            scores.append(score)
        return masks, scores

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
