"""Commands of `tests.benchmarks` in this process, and a renderer."""

from tests.cli.benches.conftest import bench_here, cli
from tests.render.conftest import gl, gl_renderers

__all__ = ["bench_here", "cli", "gl", "gl_renderers"]
