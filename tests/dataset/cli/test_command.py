"""`multiverse dataset` as users start it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from engine.dataset import DatasetReport
from engine.dataset.cli.command import dataset, note_lines, plain_names, report_lines
from engine.dataset.running.report import FailedPicture
from tests.cli.conftest import Cli
from tests.dataset.running.small_runs import contents
from tests.support.needed import needs

pytestmark = pytest.mark.usefixtures("warm_processes")
MULTIVERSE = [sys.executable, "-m", "engine.cli.main", "dataset"]
SIZE = "--width 128 --height 96"
CLUSTER = "--use_clusters --num_clusters 1 --min_piles_per_cluster 9 --max_piles_per_cluster 9"
SMALL = f"{SIZE} {CLUSTER}".split()
RASTER = ["--engine", "raster"]


@needs("OpenGL")
def test_options_of_the_original_script_are_accepted_in_its_spelling(
    cli: Cli, tmp_path: Path
) -> None:
    for layout, piles in [
        (
            "--use_clusters --num_clusters 2 --cluster_size 30 --min_piles_per_cluster 9 "
            "--max_piles_per_cluster 9",
            18,
        ),
        ("--num_rows 5 --piles_per_row 7 --row_spacing 3.5", 35),
    ]:
        options = "--terrain_size 200 --num_terraces 8 --terrace_height 2 --geological_preset loess"
        further = f"--recipe 1 {SIZE} --num_bags 3 --num_machinery 2 --save_coco --json"
        arguments = f"--image_index 2 --seed 1000 {layout} {options} {further}".split()
        out = tmp_path / str(piles)
        code, job, err = cli("dataset", str(out), *arguments, *RASTER)
        assert (code, err) == (0, ""), layout
        assert json.loads(job)["made"] == 1, layout
        line = json.loads((out / "manifest.jsonl").read_text())
        assert (line["index"], line["seed"], line["piles"]) == (2, 1002, piles), layout
        assert (line["options"]["geological_preset"], line["options"]["num_terraces"]) == (
            "loess",
            8,
        ), layout
        assert (out / "annotations/000002.json").exists(), layout


def test_an_option_without_effect_or_out_of_range_is_an_error_of_one_line(
    cli: Any, tmp_path: Path
) -> None:
    for arguments, message in [
        (
            "--max_samples 50 --engine raster",
            "--max-samples: only for Cycles; it has no effect with the raster engine",
        ),
        (
            "--image-index 3 --jobs 2 --engine raster",
            "--jobs: has no effect, --image-index makes one picture here",
        ),
        ("--jobs 0 --engine raster", "--jobs: 0 is not 1 to 1024"),
        ("--num-rows 500 --no-use-clusters --engine raster", "--num-rows 500"),
        ("--seed -3 --engine raster", "--seed: -3 is not 0 or more"),
        (
            "--write yolo,kitti --engine raster",
            "--write kitti: is no longer written; --write coco,masks,depth, and",
        ),
        (
            "--recipe 1 --save_hdf5 --engine raster",
            "--save-hdf5: is no longer written; --save-coco, and",
        ),
        (
            "--engine cycles --blender nowhere/blender",
            f"--blender: {Path('nowhere/blender')} is missing",
        ),
        ("--engine cycles --noise-threshold 7 --blender nowhere", "--blender: nowhere is missing"),
    ]:
        code, out, err = cli("dataset", str(tmp_path / "out"), *arguments.split())
        assert (code, out) == (2, ""), arguments
        assert err.startswith(f"multiverse: {message}") and err.count("\n") == 1, arguments
        assert list(tmp_path.iterdir()) == [], arguments


def test_stdout_is_refused(cli: Cli) -> None:
    code, _, err = cli("dataset", "-", *SMALL, *RASTER)
    assert code == 2 and err.startswith("multiverse: -: stdin and stdout are not supported")


@needs("OpenGL")
def test_without_blender_the_raster_engine_draws_and_a_note_says_so(
    cli: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    monkeypatch.delenv("MULTIVERSE_BLENDER", raising=False)
    code, out, err = cli(
        "dataset", str(tmp_path / "out"), "--image-index", "0", "--max_samples", "9", *SMALL
    )
    assert code == 0 and "engine      raster " in out
    assert err.startswith("multiverse: using the raster engine; for Cycles install Blender: ")
    assert err.endswith(
        "; --max-samples: only for Cycles; it has no effect with the raster engine\n"
    )


@needs("OpenGL")
def test_ctrl_c_finishes_the_pictures_in_progress_and_says_how_to_continue(
    tmp_path: Path, wait_for: Any
) -> None:
    command = [
        *MULTIVERSE,
        str(tmp_path / "out"),
        "--recipe",
        "1",
        "--count",
        "3",
        "--jobs",
        "1",
        *SMALL,
        *RASTER,
    ]
    if sys.platform == "win32":
        from tests.support import windows_console

        run = windows_console.start(*command[1:])
    else:
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list((tmp_path / "out").glob("images/*.png")), "a picture")
    if sys.platform == "win32":
        windows_console.end(windows_console.CTRL_C, run).wait()
    else:
        run.send_signal(signal.SIGINT)
    out, err = run.communicate()
    pictures = len(list((tmp_path / "out").glob("images/*.png")))
    assert run.returncode == 1 and 1 <= pictures < 3
    assert "finishing the pictures in progress; Ctrl-C again stops at once\n" in err
    assert (
        f"interrupted with {3 - pictures} pictures left; run the same command again to continue\n"
        in err
    )
    assert f"pictures    {pictures} made, {3 - pictures} missing" in out
    assert len(contents(tmp_path / "out")) == pictures * 2 + 1


def test_missing_pictures_are_named_with_the_place_of_their_logs() -> None:
    failed = tuple(FailedPicture(index=index, reason="crashed", attempts=2) for index in range(12))
    report = DatasetReport(
        folder="site",
        expected=20,
        kept=1,
        made=5,
        failed=failed,
        retried=13,
        is_interrupted=True,
        engine="raster llvmpipe",
        jobs=2,
        seconds=12.0,
        seconds_a_picture=1.25,
        statistics=None,
        outputs=("images",),
    )
    assert note_lines(report) == [
        f"12 failed: {', '.join(f'00000{index}' for index in range(10))} and 2 more; their logs "
        "are "
        "site/image_NNNNNN.log",
        "interrupted with 14 pictures left; run the same command again to continue",
    ]
    assert report_lines(report)[:2] == [
        "pictures    5 made, 1 existed, 14 missing, 13 retried",
        "time        12.0 s, 2 at a time, 1.2 s per picture",
    ]


def test_a_run_resumes_without_the_option_to_overwrite() -> None:
    for option, resume in [("--resume", True), ("--overwrite", False), ("--no-resume", False)]:
        app = typer.Typer()
        app.command(context_settings={"token_normalize_func": plain_names})(dataset)
        command = typer.main.get_command(app)
        assert command.make_context("dataset", ["out"]).params["resume"], option
        assert command.make_context("dataset", ["out", option]).params["resume"] == resume, option
