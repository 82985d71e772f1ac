import hashlib
import subprocess
import sys

import numpy as np

from engine.jobs.dataset.geometry import set_stage
from engine.jobs.dataset.geometry.batches import SceneStage
from engine.jobs.dataset.scene.description import SiteScene
from engine.jobs.dataset.scene.things import Distractor, DistractorKind, PileKind
from tests.jobs.dataset.geometry.sites import hilly, pile, site


def crowded(count: int = 700) -> SiteScene:
    kinds, others = list(PileKind), list(DistractorKind)
    piles = tuple(
        pile(
            kinds[k % 3],
            x_m=3.0 * (k % 28) - 40,
            y_m=3.0 * (k // 28) - 35,
            has_hoop=k % 3 == 0,
            is_cracked=k % 3 == 0,
            rust=k % 4,
            turn=0.1 * k,
        )
        for k in range(count)
    )
    distractors = tuple(
        Distractor(kind=others[k % 6], x_m=2.0 * k, y_m=0.0, ground_m=0.0, turn=0.3 * k, shape_seed=k)
        for k in range(45)
    )
    return site(piles, distractors, hilly(1))


def digest(stage: SceneStage) -> str:
    total = hashlib.sha256()
    for mesh in (stage.ground, *(batch.mesh for batch in stage.batches)):
        for array in (mesh.positions, mesh.normals, mesh.triangles):
            total.update(array.tobytes())
    for batch in stage.batches:
        total.update(f"{batch.name} {batch.surface}".encode())
        for array in (batch.transforms, batch.instances, batch.tints):
            total.update(array.tobytes())
    return total.hexdigest()


def test_a_crowded_site_stays_well_below_a_million_triangles() -> None:
    stage = set_stage(crowded())
    drawn = sum(len(batch.instances) * len(batch.mesh.triangles) for batch in stage.batches)
    assert 100_000 < drawn < 600_000
    assert len(stage.batches) < 120
    assert len({batch.name for batch in stage.batches}) == len(stage.batches)


def test_the_same_scene_gives_the_same_bytes_in_any_process() -> None:
    program = (
        "from engine.jobs.dataset.geometry import set_stage\n"
        "from tests.jobs.dataset.geometry.test_staging import crowded, digest\n"
        "print(digest(set_stage(crowded(40))))"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1] == digest(set_stage(crowded(40))) + "\n"


def test_stages_share_their_meshes_and_nothing_else() -> None:
    first, second = set_stage(crowded(30)), set_stage(crowded(30))
    for a, b in zip(first.batches, second.batches, strict=True):
        assert a.mesh is b.mesh
        assert not np.shares_memory(a.transforms, b.transforms)
