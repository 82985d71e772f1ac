"""How a job finds its cluster, and what the errors of Ray become. A real Ray is in
tests/jobs/test_on_ray.py."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ChildError, UsageError
from engine.jobs.kit.ray_cluster import MAX_REASON, connect, ray_reason, running_address
from engine.system.installing import install_line


def test_without_ray_the_error_names_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        connect("auto")
    assert str(caught.value) == f"--cluster needs ray; get it with: {install_line('[cluster]')}"


def test_auto_is_the_cluster_that_the_user_has_named(tmp_path: Path) -> None:
    alone = {"RAY_TMPDIR": str(tmp_path)}
    assert running_address(alone) == ("", "")
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert running_address(alone)[0] == "10.0.0.1:6379"
    assert running_address(alone | {"RAY_ADDRESS": "10.0.0.2:6379"}) == (
        "10.0.0.2:6379",
        "RAY_ADDRESS is",
    )
    assert running_address(alone | {"RAY_ADDRESS": "local"}) == ("", "")


def test_an_address_without_a_cluster_is_reported_at_once(free_port: Callable[[], int]) -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(
        ChildError, match=rf"^--cluster {address}: nothing answers there \(.*\); start it"
    ):
        connect(address)
    for wrong in ("everywhere", "10.0.0.1", "10.0.0.1:0", "ray://10.0.0.1:10001"):
        with pytest.raises(UsageError, match=f"^--cluster {wrong}: "):
            connect(wrong)


def test_errors_of_ray_become_one_line() -> None:
    versions = RuntimeError(
        "Version mismatch: The cluster was started with:\n    Ray: 2.40\n    Python: 3.12\n"
    )
    wrapped = ConnectionError("no connection")
    wrapped.__cause__ = versions
    assert (
        ray_reason(wrapped)
        == "Version mismatch: The cluster was started with: Ray: 2.40 Python: 3.12"
    )
    long = ray_reason(
        RuntimeError("\x1b[36mword\x1b[39m " * 100 + "\nTraceback (most recent call last):\n")
    )
    assert long.startswith("word word") and long.endswith("word ...") and len(long) < MAX_REASON + 5
    lost = RuntimeError(
        "The actor died\nray::PoolActor.__init__() (pid=9, ip=10.0.0.3, actor_id=7)\n"
        "ModuleNotFoundError: No module named 'cv2'"
    )
    assert (
        ray_reason(lost)
        == "the Python of 10.0.0.3 lacks cv2: install the engine there as it is here"
    )
