"""How many threads llvmpipe draws with."""

import os

import pytest

from engine.render.software_threads import draw_without_threads, drawing_threads


@pytest.mark.parametrize(
    ("cores", "chosen", "variable", "threads"),
    [
        (2, "", "0", 1),
        (1, "", "0", 1),
        (2, "2", "2", 2),
        (8, "", "", 8),
        (8, "3", "3", 3),
        (4, "many", "many", 4),
    ],
)
def test_few_cores_draw_on_the_calling_thread_unless_the_user_has_chosen(
    monkeypatch: pytest.MonkeyPatch, cores: int, chosen: str, variable: str, threads: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(cores), raising=False)
    monkeypatch.setenv("LP_NUM_THREADS", chosen)
    if not chosen:
        monkeypatch.delenv("LP_NUM_THREADS")
    draw_without_threads()
    assert os.environ.get("LP_NUM_THREADS", "") == variable and drawing_threads() == threads
