"""`python -m tests.benchmarks NAME`: measures this machine and proves what the documents say, each
time beside a reference in the same run."""

from engine.cli.main import main
from tests.benchmarks.beat import BeatBench
from tests.benchmarks.command import bench_commands
from tests.benchmarks.dataset import DatasetBench
from tests.benchmarks.detector.sets import DetectorBench
from tests.benchmarks.ipc import IpcBench
from tests.benchmarks.isolation import IsolationBench
from tests.benchmarks.knobs import KnobsBench
from tests.benchmarks.options import RenderBench, SdBench
from tests.benchmarks.osc import OscBench
from tests.benchmarks.sam3 import Sam3Bench
from tests.benchmarks.sections import SectionsBench
from tests.benchmarks.slopes import SlopesBench
from tests.benchmarks.stems import StemsBench
from tests.benchmarks.video import VideoBench
from tests.benchmarks.voice import RvcBench

app = bench_commands(
    {
        "render": ("tests.benchmarks.render", RenderBench),
        "sd": ("tests.benchmarks.sd", SdBench),
        "rvc": ("tests.benchmarks.rvc", RvcBench),
        "beat": ("tests.benchmarks.beat", BeatBench),
        "dataset": ("tests.benchmarks.dataset", DatasetBench),
        "isolation": ("tests.benchmarks.isolation", IsolationBench),
        "osc": ("tests.benchmarks.osc", OscBench),
        "sam3": ("tests.benchmarks.sam3", Sam3Bench),
        "ipc": ("tests.benchmarks.ipc", IpcBench),
        "knobs": ("tests.benchmarks.knobs", KnobsBench),
        "sections": ("tests.benchmarks.sections", SectionsBench),
        "slopes": ("tests.benchmarks.slopes", SlopesBench),
        "stems": ("tests.benchmarks.stems", StemsBench),
        "video": ("tests.benchmarks.video", VideoBench),
        "detector": ("tests.benchmarks.detector.bench", DetectorBench),
    },
    help="Measure this machine, and prove what the documents say.",
)

if __name__ == "__main__":
    main(app)
