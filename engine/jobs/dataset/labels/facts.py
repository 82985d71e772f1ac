"""The facts of a picture for the manifest. Every pile and thing of its scene is in the file that `scene` names."""

from collections import Counter
from dataclasses import asdict
from typing import Any

from engine.jobs.dataset.frozen import plain
from engine.jobs.dataset.labels.look import look_of
from engine.jobs.dataset.labels.source import LabelSource


def facts_of(source: LabelSource) -> dict[str, Any]:
    """Camera, ground, sun, effects, counts, subset and view of the picture, and its scene's file, as JSON values."""
    task, scene, record = source.task, source.scene, source.record
    labelled = record.labelled
    per_class = Counter(thing.category for thing in labelled)
    return {
        "scene": task.path("scenes", ".json"),
        "subset": task.subset,
        "scene_number": task.scene_number,
        "view": task.view,
        "camera": record.camera,
        "ground": plain(scene.ground) | {"cover": scene.ground.cover},
        "sun": plain(scene.sun),
        "effects": plain(source.photograph.effects),
        "look": {name: round(value, 4) for name, value in asdict(look_of(source.photograph.rendered.colors)).items()},
        "counts": {
            "piles": len(scene.piles),
            "others": len(scene.distractors) + len(scene.placed_assets),
            "piles_seen": sum(thing.category == "pile" for thing in record.things),
            "labelled": len(labelled),
            "labelled_by_class": {name: per_class[name] for name in record.classes},
            "labelled_hidden": sum(thing.is_hidden for thing in labelled),
            "labelled_cut": sum(thing.is_cut for thing in labelled),
            "crowd": sum(thing.is_crowd for thing in record.things),
        },
    }
