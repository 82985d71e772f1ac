"""The settings of a `multiverse dataset` job."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from engine.dataset.assets.reading import read_asset
from engine.dataset.labels.options import LabelOptions
from engine.dataset.layout.cameras import check_cameras
from engine.dataset.layout.options import Recipe2Options
from engine.dataset.options import SceneOptions, check_ranges, option_name
from engine.dataset.split import Split, parse_split
from engine.dataset.task import PictureTask, RenderSettings
from engine.errors import UsageError
from engine.jobs.kit import (
    CLUSTER,
    CLUSTERS,
    OVERWRITE,
    RESUME,
    check_no_stream,
    check_number,
    option,
)

MAX_PICTURES = 10_000_000
RANGES = {
    "count": (1, MAX_PICTURES),
    "retries": (0, 100),
    "seed": (0, None),  # NumPy's SeedSequence supports more than 64 bits
    "jobs": (1, 1024),
    "image_index": (0, MAX_PICTURES),
}


def parse_devices(text: str) -> tuple[int, ...]:
    """`0,1` -> (0, 1). UsageError for anything but different whole numbers."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() for part in parts):
        raise UsageError(
            f"--devices {text}: is not a list of devices; give whole numbers, such as 0,1"
        )
    devices = tuple(map(int, parts))
    if len(set(devices)) < len(devices):
        raise UsageError(
            f"--devices {text}: a device is named twice; --jobs sets how many pictures are drawn "
            "at once"
        )
    return devices


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetJob:
    output: Path
    drawing: RenderSettings
    options: SceneOptions = field(default_factory=SceneOptions)
    recipe_2: Recipe2Options = field(default_factory=Recipe2Options)
    labels: LabelOptions = field(default_factory=LabelOptions)
    recipe: int = option(
        2,
        "1: the pictures of earlier versions, byte for byte. 2: varied ground, piles, clutter, "
        "camera, light.",
        metavar="1|2",
        low=1,
        high=2,
    )
    count: int = option(20, "Total number of pictures.", metavar="N")
    jobs: int | None = option(
        None,
        "Pictures in parallel. (default: one per core, fewer if they do not fit into memory)",
        metavar="N",
    )
    seed: int = option(
        0,
        "Random seed. Recipe 1: picture 7 of seed N is picture 6 of seed N + 1. Recipe 2: no two "
        "seeds share one.",
        metavar="N",
    )
    split: Split | None = option(
        None,
        "Shares of train, val and perhaps test, by scene; each gets folders and a COCO file of "
        "its own.",
        metavar="80/10/10",
        parse=parse_split,
    )
    image_index: int | None = option(
        None, "Make only this picture, on this machine, without figures.", metavar="N"
    )
    save_coco: bool = option(
        False, "Write coco_annotations.json with masks as RLE.", flags="--save-coco"
    )
    timeout_s: float | None = option(
        None,
        "Time limit for a picture. (default: 600; for Cycles by its samples)",
        flags="--timeout",
        metavar="SECONDS",
    )
    devices: tuple[int, ...] | None = option(
        None,
        "Graphics cards for the jobs, in turn: the numbers of `multiverse devices`, or Cycles'. "
        "Untested with more"
        " than one card. (default: on Linux all of NVIDIA's if there are several)",
        metavar="N,N",
        parse=parse_devices,
    )
    retries: int = option(1, "Retries of a failed picture.", metavar="N")
    resume: bool = option(
        True, f"{RESUME} (the default) Or: {OVERWRITE}", flags="--resume/--overwrite"
    )
    cluster: str | None = option(None, CLUSTER, metavar=CLUSTERS)
    blender: str = ""

    def check(self) -> None:
        """Raise UsageError for invalid settings. `check_job` finds scenes that do not fit."""
        check_no_stream(self.output)
        check_ranges(self, RANGES)
        if self.timeout_s is not None:
            check_number("--timeout", self.timeout_s, 1)
        if self.image_index is not None and self.cluster is not None:
            raise UsageError(
                "--image-index: makes one picture in this process; leave --cluster out"
            )
        self._check_devices()
        self.options.check()
        if self.recipe == 1:
            self._check_recipe_1()
        else:
            self.recipe_2.check()
            check_cameras(self.options, self.recipe_2.camera)
            self.labels.check(self.recipe_2.own_classes)
            self._check_scene_files()
            self._check_files()

    def task(self, index: int) -> PictureTask:
        labels = self.labels
        # the older spelling of --write yolo,coco
        if self.save_coco and "coco" not in labels.formats:
            labels = replace(labels, write=(*labels.formats, "coco"))
        task = PictureTask(
            options=self.options,
            drawing=self.drawing,
            base_seed=self.seed,
            recipe_2=None if self.recipe == 1 else self.recipe_2,
            labels=labels,
            index=index,
            blender=self.blender,
        )
        if self.split is None:
            return task
        return replace(task, split=self.split.text, subset=self.split.subset_of(task.scene_number))

    def _check_devices(self) -> None:
        if not self.devices:
            return
        text = f"--devices {','.join(map(str, self.devices))}"
        if self.cluster is not None or self.image_index is not None:
            other = "--image-index" if self.image_index is not None else "--cluster"
            raise UsageError(
                f"{text}: is for the jobs of a run on this machine; leave it or {other} out"
            )
        if self.drawing.use_gpu is False:
            raise UsageError(f"{text}: has no effect with --no-use-gpu; leave one of them out")
        if self.jobs is not None and self.jobs < len(self.devices):
            raise UsageError(
                f"{text}: a job uses one device; give --jobs {len(self.devices)} or fewer devices"
            )

    def _check_recipe_1(self) -> None:
        for own in (
            *(getattr(self.recipe_2, part.name) for part in fields(Recipe2Options)),
            self.labels,
        ):
            for each in fields(own):
                if getattr(own, each.name) != each.default:
                    raise UsageError(
                        f"{option_name(each.name)}: has no effect in recipe 1; give --recipe 2"
                    )

    def _check_scene_files(self) -> None:
        """Check --scene: as many pictures as files at most, and no option that its files decide."""
        files = self.recipe_2.scene_files.files
        scene_options = self.recipe_2.scene_files
        if not files:
            return
        scene_options.check_alone(self.options)
        scene_options.check_seed(self.seed)
        if self.split is not None:
            scene_options.check_split()
        if self.indices.stop > len(files):
            name = "--count" if self.image_index is None else "--image-index"
            value = self.count if self.image_index is None else self.image_index
            raise UsageError(
                f"{name} {value}: --scene names {len(files)} scene{'s' * (len(files) > 1)}"
            )

    def _check_files(self) -> None:
        """Raise UsageError for files of the user's on a cluster, whose other machines get their
        paths alone."""
        recipe_2 = self.recipe_2
        own = {
            "--asset": recipe_2.assets.asset,
            "--ground-texture": recipe_2.ground.ground_texture,
            "--scene": recipe_2.scene_files.scene,
        }
        for name, files in own.items():
            if files and self.cluster is not None:
                raise UsageError(
                    f"{name}: --cluster does not send its files to other machines; draw on this "
                    "one, or start "
                    "--image-index in a folder that all machines share"
                )

    def with_scene_size(self) -> "DatasetJob":
        """Return the job with the picture size of the files of --scene, if there are any."""
        if not self.recipe_2.scene_files.scene:
            return self
        width, height = self.recipe_2.scene_files.size_px
        return replace(self, options=replace(self.options, width=width, height=height))

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the user on what is drawn, labelled or tiled otherwise than expected."""
        assets = self.recipe_2.assets
        asset_notes = ((asset, read_asset(asset).notes) for asset in assets.assets)
        unlabelled = (
            assets.notes_without(self.labels.class_names) if self.labels.classes is None else ()
        )
        models = (f"--asset {asset.name}: {note}" for asset, notes in asset_notes for note in notes)
        notes = [*models, *unlabelled]
        width, height = self.with_scene_size().task(0).picture_px
        side = self.labels.tiles
        if side is not None and side > min(width, height):
            smaller = f"{min(side, width)}x{min(side, height)}"
            notes.append(f"--tiles {side}: pictures are {width}x{height}, so tiles are {smaller}")
        return tuple(notes)

    @property
    def subsets(self) -> tuple[str, ...]:
        """Names of the subsets; ("",) without --split."""
        return ("",) if self.split is None else self.split.subsets

    @property
    def indices(self) -> range:
        return (
            range(self.count)
            if self.image_index is None
            else range(self.image_index, self.image_index + 1)
        )
