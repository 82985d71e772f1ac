"""Scores are those of COCO, and say what they count."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tests.benchmarks.detector.network import FoundBoxes
from tests.benchmarks.detector.scoring import nearness, overlap, rank
from tests.benchmarks.detector.training import LabelledPicture

BLACK = np.zeros((2, 2, 3), np.uint8)


def labels(boxes: list[list[float]], ignored: tuple[int, ...] = ()) -> LabelledPicture:
    is_ignored = np.isin(np.arange(len(boxes)), ignored)
    return LabelledPicture(colors=BLACK, boxes=np.array(boxes, np.float64).reshape(-1, 4), is_ignored=is_ignored)


def boxes_found(boxes: list[list[float]], scores: list[float]) -> FoundBoxes:
    return FoundBoxes(boxes=np.array(boxes, np.float64).reshape(-1, 4), scores=np.array(scores, np.float64))


def random_case(seed: int) -> tuple[list[FoundBoxes], list[LabelledPicture]]:
    """Two pictures with up to 150 piles, some found a little beside, some twice, some not, and boxes on nothing."""
    draw = np.random.default_rng(seed)
    found, pictures = [], []
    for _ in range(2):
        count = int(draw.integers(100, 150))
        corner, side = draw.uniform(0, 900, (count, 2)), draw.uniform(6, 60, (count, 2))
        picture = labels(np.concatenate([corner, corner + side], axis=1).tolist())
        is_ignored = draw.random(count) < 0.1
        picture = LabelledPicture(colors=BLACK, boxes=picture.boxes, is_ignored=is_ignored)
        beside = np.concatenate([picture.boxes, picture.boxes[::3]])[draw.permutation(count)]
        beside = beside + draw.normal(0, 3, beside.shape)
        noise = draw.uniform(0, 900, (40, 2))
        beside = np.concatenate([beside, np.concatenate([noise, noise + 20], axis=1)])
        beside[:, 2:] = np.maximum(beside[:, 2:], beside[:, :2] + 1)
        scores = draw.permutation(len(beside)) / len(beside) + draw.random() * 1e-3
        order = np.argsort(-scores)
        found.append(FoundBoxes(boxes=beside[order], scores=scores[order]))
        pictures.append(picture)
    return found, pictures


def ap50_of_pycocotools(found: list[FoundBoxes], pictures: list[LabelledPicture]) -> float:
    def as_coco(box: np.ndarray) -> list[float]:
        return [float(box[0]), float(box[1]), float(box[2] - box[0]), float(box[3] - box[1])]

    annotations = [
        {"image_id": image, "category_id": 1, "bbox": as_coco(box), "iscrowd": int(ignored)}
        for image, picture in enumerate(pictures, start=1)
        for box, ignored in zip(picture.boxes, picture.is_ignored, strict=True)
    ]
    for number, annotation in enumerate(annotations, start=1):
        annotation |= {"id": number, "area": annotation["bbox"][2] * annotation["bbox"][3]}
    results = [
        {"image_id": image, "category_id": 1, "bbox": as_coco(box), "score": float(score)}
        for image, boxes in enumerate(found, start=1)
        for box, score in zip(boxes.boxes, boxes.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "images": [{"id": image} for image in range(1, len(pictures) + 1)],
            "annotations": annotations,
            "categories": [{"id": 1, "name": "pile"}],
            "info": {},
        }
        truth.createIndex()
        judge = COCOeval(truth, truth.loadRes(results), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.params.maxDets = [1, 10, 1000]
        judge.params.areaRng, judge.params.areaRngLbl = [[0, 1e10]], ["all"]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][0, :, 0, 0, -1]
    return float(precision[precision > -1].mean())


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_that_of_pycocotools(seed: int) -> None:
    found, pictures = random_case(seed)
    ours = rank(found, pictures, overlap).average_precision
    assert ours is not None and 0.2 < ours < 0.98
    assert ours == pytest.approx(ap50_of_pycocotools(found, pictures), abs=1e-9)


def test_a_perfect_answer_scores_one_and_none_scores_zero() -> None:
    picture = labels([[0, 0, 10, 10], [20, 20, 40, 40]])
    perfect = rank([boxes_found(picture.boxes.tolist(), [0.9, 0.8])], [picture], overlap)
    assert perfect.average_precision == 1 and perfect.at(perfect.best_threshold()).f1 == 1
    nothing = rank([boxes_found([], [])], [picture], overlap)
    assert nothing.average_precision == 0 and nothing.at(0.5).recall == 0


def test_a_pile_found_twice_is_one_right_and_one_wrong_box() -> None:
    picture = labels([[0, 0, 10, 10]])
    ranked = rank([boxes_found([[0, 0, 10, 10], [0, 0, 10, 9]], [0.9, 0.8])], [picture], overlap)
    assert ranked.is_right.tolist() == [True, False]
    rates = ranked.at(0.0)
    assert (rates.precision, rates.recall, rates.false_positives) == (0.5, 1, 1)


def test_boxes_on_ignored_labels_count_for_nothing() -> None:
    picture = labels([[0, 0, 10, 10], [50, 50, 60, 60]], ignored=(1,))
    ranked = rank([boxes_found([[50, 50, 60, 60], [52, 52, 58, 58]], [0.9, 0.8])], [picture], overlap)
    assert len(ranked.scores) == 0 and ranked.labelled == 1


def test_a_middle_counts_within_half_a_pile_but_at_least_four_pixels() -> None:
    wide, tiny = labels([[0, 0, 40, 40]]), labels([[18, 18, 22, 22]])

    def is_right(picture: LabelledPicture, x: float) -> bool:
        return bool(rank([boxes_found([[x - 5, 15, x + 5, 25]], [1.0])], [picture], nearness).is_right[0])

    assert is_right(wide, 39.9) and not is_right(wide, 40.2)
    assert is_right(tiny, 23.9) and not is_right(tiny, 24.2)


def test_false_positives_are_counted_a_picture_where_there_is_no_pile() -> None:
    empty = [labels([]), labels([])]
    found = [boxes_found([[0, 0, 9, 9]] * 3, [0.9, 0.7, 0.2]), boxes_found([], [])]
    ranked = rank(found, empty, overlap)
    assert ranked.average_precision is None
    assert ranked.at(0.5).false_positives == 1
