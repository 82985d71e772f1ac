"""Commands of `tests.benchmarks` in this process, and a renderer."""

from tests.cli.benches.conftest import bench_here, say
from tests.render.conftest import gl, gl_renderers

__all__ = ["bench_here", "gl", "gl_renderers", "say"]
