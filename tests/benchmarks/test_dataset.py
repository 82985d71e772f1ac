"""`python -m tests.benchmarks dataset`, in its shortest form."""

from tests.benchmarks import dataset
from tests.benchmarks.dataset import DatasetBench
from tests.benchmarks.measuring import Progress

SMALL = next(iter(dataset.CASES))


def test_process_start_and_drawing_are_measured_separately() -> None:
    result = dataset.run(DatasetBench(case=("small",), pictures=1, long_run=2), Progress())
    assert set(result["cases"]) == {SMALL}
    raster = result["cases"][SMALL]["raster"]
    assert set(raster["steps_s"]) == {"scene", "draw", "labels", "save"}
    assert raster["seconds"] > sum(raster["steps_s"].values()) and raster["process_s"] > 0
    assert 40 <= raster["labelled"] <= 44 and raster["renderer"].startswith("raster ")
    assert set(result["cases"][SMALL]["raster, recipe 2"]["steps_s"]) == {
        "scene",
        "draw",
        "sensor",
        "labels",
        "save",
    }
    assert result["long_run"]["pictures"] == 2 and result["long_run"]["memory_mb"] > 10
