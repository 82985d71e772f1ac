"""Runs a dataset job: `make_dataset(job)`. Checks what cannot succeed before any file is
changed."""

import shutil
import statistics
import time
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from itertools import islice
from typing import TYPE_CHECKING

from engine.dataset.card.card import remove_card
from engine.dataset.job import DatasetJob
from engine.dataset.labels.writers import writers_of
from engine.dataset.layout.cameras import CameraOptions, ground_sample_text
from engine.dataset.layout.settling import settle
from engine.dataset.options import SceneOptions
from engine.dataset.picture import scene_of
from engine.dataset.running.devices import check_devices, devices_of
from engine.dataset.running.estimate import (
    MIN_FREE_FRACTION,
    available_bytes,
    cores,
    default_jobs,
    duration_text,
    estimate,
    picture_bytes,
    size_text,
)
from engine.dataset.running.finishing import FolderOutputs, write_outputs
from engine.dataset.running.folder import DatasetFolder, RunPlan, unwritable
from engine.dataset.running.local import LocalRunner
from engine.dataset.running.policy import FinishedAttempt, PictureOutcome, default_timeout_s
from engine.dataset.running.report import DatasetProgress, DatasetReport, FailedPicture
from engine.dataset.running.single import make_picture_in_process
from engine.dataset.running.whole_files import WholeFiles
from engine.dataset.scene.camera import CAMERA_HEIGHT_M, FIELD_OF_VIEW_DEG
from engine.errors import SinkError, UsageError
from engine.jobs.kit import OnProgress

if TYPE_CHECKING:
    from engine.dataset.running.on_cluster import ClusterRunner

MAX_ZOOM = 1.5
MAX_SETTLED = 2000  # scenes; takes 0.2 s
MAX_BUILD_S = 0.5  # a window takes 0.03 s, a whole picture 0.2
PLAIN_CAMERA = CameraOptions(
    altitude=(CAMERA_HEIGHT_M, CAMERA_HEIGHT_M),
    field_of_view=(FIELD_OF_VIEW_DEG, FIELD_OF_VIEW_DEG),
)
"""The camera of recipe 1."""
OnMessage = Callable[[str], None]


def make_dataset(
    job: DatasetJob,
    *,
    on_progress: OnProgress[DatasetProgress] = lambda progress: None,
    on_message: OnMessage = lambda line: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> DatasetReport:
    """Run the whole job. MultiverseError, in one line, if it fails; finished pictures stay.
    `on_progress` gets the progress, `on_message` one line per failure, on this thread. Once
    `is_stopped`, pictures in progress are finished (not with `image_index`)."""
    check_job(job)
    check_devices(job)
    job = job.with_scene_size()
    if job.image_index is not None:
        return make_picture_in_process(job, on_message)
    with closing(DatasetFolder(job.output)) as folder:
        return _Run(job, folder, on_progress, on_message, is_stopped).make()


def check_job(job: DatasetJob) -> None:
    """Raise UsageError if the job cannot succeed, before any file is changed."""
    job.check()
    job = job.with_scene_size()
    check_scenes(job)
    for writer in writers_of(job.task(0).labels.written):
        writer.check()
    if job.cluster is not None:
        from engine.jobs.kit import require_ray

        require_ray()


def check_scenes(job: DatasetJob, now_s: Callable[[], float] = time.perf_counter) -> None:
    """Raise UsageError for the first scene that does not fit. Checks the numbers of up to
    MAX_SETTLED pictures and builds the first scene. If an option requests a number, it builds
    further scenes for up to MAX_BUILD_S."""
    begin = job.indices[0]
    if job.recipe_2.scene_files.scene:
        scene_of(job.task(begin))
        return
    for index in islice(job.indices, MAX_SETTLED):
        settle(job.options, job.task(index).seed)
    scene_of(job.task(begin))
    # numbers and sizes that fit into some scenes and not into others
    options = job.options
    recipe_2 = job.recipe_2
    requested = (
        options.num_bags,
        options.num_machinery,
        recipe_2.layout.piles,
        recipe_2.piles.pile_diameter,
    )
    if job.recipe == 1 or not (
        recipe_2.assets.asset or any(each is not None for each in requested)
    ):
        return
    end_s = now_s() + MAX_BUILD_S
    for index in islice(job.indices, job.recipe_2.camera.views, None, job.recipe_2.camera.views):
        if now_s() >= end_s:
            return
        try:
            scene_of(job.task(index))
        except UsageError as error:
            raise UsageError(f"{error} (picture {index})") from error


class _Run:
    """State of one run."""

    def __init__(
        self,
        job: DatasetJob,
        folder: DatasetFolder,
        on_progress: OnProgress[DatasetProgress],
        on_message: OnMessage,
        is_stopped: Callable[[], bool],
    ) -> None:
        self._job = job
        self._folder = folder
        self._on_progress = on_progress
        self._on_message = on_message
        self._is_stop_requested = is_stopped
        self._began_s = time.perf_counter()
        self._seconds: list[float] = []
        self._failed: list[FailedPicture] = []
        self._retried = 0
        self._existing = 0
        self._whole = WholeFiles(folder, job)
        self._end_reason = ""  # reason why no more pictures are started

    def make(self) -> DatasetReport:
        job = self._job
        folder = self._folder
        on_progress = self._on_progress
        plan = folder.plan(
            job.indices,
            job.task,
            is_resuming=job.resume,
            on_checked=lambda done, of: on_progress(
                DatasetProgress(done=done, expected=of, rate=0, is_checking=True)
            ),
            is_stopped=self._is_stop_requested,
        )
        self._existing = plan.existing
        if plan.missing and job.cluster is None:
            line = check_disk_space(
                job, plan, folder.bytes_of(plan.forgotten | plan.broken), local_jobs(job)
            )
            if len(plan.missing) > 1:
                self._on_message(line)
        if len(plan.missing) > 1 and (line_text := ground_sample_line(job)):
            self._on_message(line_text)
        finished = FolderOutputs()
        with (
            closing(open_runner(job, folder, len(plan.missing)))
            if plan.missing
            else nullcontext() as runner
        ):
            self._begin(plan)
            if runner is not None:
                self._work_off(runner, plan.missing)
        try:
            folder.manifest.tidy()
            if plan.is_checked:
                finished = write_outputs(folder, job, self._whole)
        except OSError as error:
            if not self._end_reason:
                raise unwritable(folder.path, error) from error
        notes = [*plan.notes, *finished.notes]
        if self._end_reason:
            notes.append(
                f"{self._end_reason}; no more pictures were started; run the same command to "
                "continue"
            )
        return DatasetReport(
            folder=str(self._folder.path),
            expected=plan.existing + len(plan.missing),
            kept=self._existing,
            made=len(self._seconds),
            failed=tuple(sorted(self._failed, key=lambda failed: failed.index)),
            retried=self._retried,
            is_interrupted=self._is_stop_requested()
            and len(self._seconds) + len(self._failed) < len(plan.missing),
            engine=", ".join(folder.engines(job.indices)) or job.drawing.engine,
            jobs=runner.jobs if runner is not None else 0,
            devices=runner.devices if runner is not None else (),
            seconds=round(time.perf_counter() - self._began_s, 3),
            seconds_a_picture=round(statistics.median(self._seconds), 3) if self._seconds else None,
            statistics=finished.statistics,
            outputs=tuple(finished.outputs),
            notes=tuple(notes),
        )

    def _begin(self, plan: RunPlan) -> None:
        """Write the whole-dataset files without the pictures to be removed, then remove these."""
        folder = self._folder
        job = self._job
        try:
            if plan.is_checked:
                self._whole.begin(is_changed=bool(plan.forgotten or plan.broken))
            if plan.forgotten:
                self._whole.remove_outdated()
                with suppress(PermissionError):  # on Windows: a program has the card open
                    remove_card(folder.path)
            folder.prepare(plan, job.subsets)
        except OSError as error:
            raise unwritable(folder.path, error) from error

    def _work_off(self, runner: "LocalRunner | ClusterRunner", missing: tuple[int, ...]) -> None:
        if runner.location_line:
            self._on_message(f"{runner.location_line}, {runner.jobs} at a time")
        expected = len(missing) + self._existing
        tasks = (self._folder.task_again(self._job.task(index)) for index in missing)
        for outcome in runner.run(tasks, self._is_stopped):
            if outcome is not None:
                self._take(outcome)
            self._on_progress(
                DatasetProgress(
                    done=self._existing + len(self._seconds),
                    expected=expected,
                    rate=len(self._seconds) / max(time.perf_counter() - self._began_s, 1e-9),
                    created=len(self._seconds),
                    failed=len(self._failed),
                    in_progress=runner.in_progress,
                    is_finishing=self._is_stopped(),
                )
            )

    def _is_stopped(self) -> bool:
        return bool(self._end_reason) or self._is_stop_requested()

    def _take(self, outcome: PictureOutcome) -> None:
        task = outcome.task
        result = outcome.result
        attempts = len(outcome.earlier) + 1
        self._retried += len(outcome.earlier)
        for reason in outcome.earlier:
            self._on_message(f"picture {task.name} was retried: {reason}")
        try:
            if isinstance(result, FinishedAttempt):
                self._folder.commit(task, result, earlier=outcome.earlier)
                self._seconds.append(result.seconds)
                self._refresh()
                return
            reason = result.reason
            if result.ends_run:
                self._end_reason = reason
            self._folder.note_failure(task, reason, attempts=attempts)
        except OSError as error:
            reason = self._end_reason = str(unwritable(self._folder.path, error))
        self._failed.append(FailedPicture(index=task.index, reason=reason, attempts=attempts))
        self._on_message(f"picture {task.name} failed: {reason}")

    def _refresh(self) -> None:
        """Write the files about the whole dataset if they are due; no picture fails if that
        fails."""
        try:
            self._whole.write_if_due()
        except OSError as error:
            self._end_reason = str(unwritable(self._folder.path, error))


def ground_sample_line(job: DatasetJob) -> str:
    """One line about the size of a pixel on the ground; "" for recipe 1 at about the width of the
    real pictures."""
    camera = job.recipe_2.camera
    if job.recipe_2.scene_files.files:
        samples_cm = [file.gsd_cm for file in job.recipe_2.scene_files.files]
        camera = CameraOptions(gsd=(min(samples_cm), max(samples_cm)))
    elif job.recipe == 1:
        if 1 / MAX_ZOOM < job.options.width / SceneOptions().width < MAX_ZOOM:
            return ""
        camera = PLAIN_CAMERA
    return ground_sample_text(job.options, camera)


def open_runner(
    job: DatasetJob, folder: DatasetFolder, pictures: int
) -> "LocalRunner | ClusterRunner":
    """Open a runner for this many pictures, on this machine or on a cluster."""
    timeout_s = job.timeout_s or default_timeout_s(job.drawing, job.options)
    if job.cluster is not None:
        from engine.dataset.running.on_cluster import ClusterRunner

        return ClusterRunner(folder, job, timeout_s=timeout_s)
    jobs = min(local_jobs(job), pictures)
    return LocalRunner(
        folder,
        jobs=jobs,
        is_long=pictures > jobs,
        timeout_s=timeout_s,
        retries=job.retries,
        devices=devices_of(job, jobs),
    )


def local_jobs(job: DatasetJob) -> int:
    """Pictures in parallel on this machine."""
    by_memory = default_jobs(available_bytes(), cores(), picture_bytes(job.task(0)))
    return job.jobs or max(by_memory, len(job.devices or ()))


def check_disk_space(job: DatasetJob, plan: RunPlan, freed_bytes: int, jobs: int) -> str:
    """One line about the time and disk that the run takes. SinkError if the disk is clearly too
    small."""
    pictures = len(plan.missing)
    seconds, disk_bytes = estimate(job.task(plan.missing[0]), pictures, jobs=jobs, cores=cores())
    free_bytes = shutil.disk_usage(job.output).free + freed_bytes
    need = f"about {duration_text(seconds)} and {size_text(disk_bytes)} for {pictures} pictures"
    line = f"{need}; {size_text(free_bytes)} free"
    if disk_bytes * MIN_FREE_FRACTION > free_bytes:
        raise SinkError(
            f"{job.output}: too little space: {line}; give a smaller --count or another disk"
        )
    return line
