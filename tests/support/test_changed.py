"""Which tests `pytest --changed` runs for which changed files."""

import pytest

from tests.support.changed import ROOT, own_tests


@pytest.mark.parametrize(
    ("files", "folder"),
    [
        (["engine/models/sd/load.py"], "tests/models"),
        (["engine/models/sd/load.py", "tests/models/sd/test_load.py"], "tests/models"),
        (["engine/dataset/job.py"], "tests/dataset"),
        (["engine/models/sd/load.py", "engine/dataset/job.py"], None),
        (["engine/models/sd/load.py", "docs/how-to/models.md"], None),
        (["engine/render/look.py"], None),
        ([], None),
    ],
)
def test_a_change_inside_one_part_runs_its_own_tests_and_any_other_change_all(
    files: list[str], folder: str
) -> None:
    assert own_tests(files) == (ROOT / folder if folder else None)
