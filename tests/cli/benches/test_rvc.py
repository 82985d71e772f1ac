"""The benchmark of the voice measures what it claims to. Its milliseconds are not tested."""

import json
import sys
from collections.abc import Callable

import numpy as np
import pytest

from engine.cli.benches.rvc import spoken
from tests.cli.conftest import Said
from tests.models.rvc.peers import FOLDER, MISSING, PACKAGE
from tests.support.long_form import only_soak


@only_soak
def test_each_figure_is_reported_with_its_reference(
    bench_here: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    monkeypatch.syspath_prepend(FOLDER)
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE.name]:  # others import it otherwise
        monkeypatch.delitem(sys.modules, name)
    asked = ("--seconds", "1", "--block", "100", "--files", "2", "--embeddings", "800", "--json")
    said = bench_here("bench", "rvc", "--device", "cpu", *asked)
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert (result["shape"], result["device"], result["dtype"]) == ("tiny", "cpu", "float32")
    assert "gain from CUDA graphs in a stream" in result["unverified without a device"]

    offline = result["offline"]
    assert offline["seconds"] == pytest.approx(1.0)
    assert offline["real_time_factor"] == pytest.approx(1.0 / offline["times_real_time"], rel=0.01)
    assert list(offline["stages"]) == ["content", "retrieval", "pitch", "encode", "flow", "decode", "other"]
    assert sum(stage["share"] for stage in offline["stages"].values()) == pytest.approx(1.0, abs=0.01)
    assert offline["peak_memory_mb"] > 100

    live = result["live"]["100 ms"]
    assert live["ms_max"] >= live["ms_p99"] >= live["ms_p50"] > 0 and live["blocks"] == 20
    assert (live["block_ms"], live["algorithmic_delay_ms"]) == (100.0, 160.0)
    assert sum(stage["share"] for stage in live["stages"].values()) == pytest.approx(1.0, abs=0.01)
    assert {"gate", "resample", "content", "retrieval", "pitch", "decode", "sola", "copy"} <= set(live["stages"])

    batch = result["batch"]
    assert batch["files"] == 2 and batch["differs"] < 1e-3
    assert batch["times"] == pytest.approx(batch["one_at_a_time_s"] / batch["4_at_once_s"], rel=0.01)

    retrieval = result["retrieval"]
    assert (retrieval["embeddings"], retrieval["lists"], retrieval["same_rows_as_flat"]) == (800, 20, 1.0)
    recall = retrieval["recall_at_8"]
    assert recall["ours"] == 1.0 >= recall["ivf_nprobe_8"] >= recall["ivf_nprobe_1"] > 0
    assert set(retrieval["times"]) == {"flat", "ivf_nprobe_1", "ivf_nprobe_8"}

    assert result["filter"]["differs"] < 1e-5 and set(result["filter"]["ms"]) == {"device", "host", "scipy"}

    assert set(result["vocoders"]["ms"]) == {"HiFi-GAN", "RefineGAN"} and result["vocoders"]["times_RefineGAN"] > 0

    require(PACKAGE.is_dir(), MISSING)
    synthesizer = result["synthesizer"]
    assert synthesizer["times_infer_rvc_python"] > 0 and synthesizer["latent_differs"] < 1e-4


def test_the_test_voice_consists_of_phrases() -> None:
    sound = spoken(5.0, 16_000)
    assert sound.dtype == np.float32 and sound.shape == (80_000,) and np.abs(sound).max() < 1.0
    level = np.sqrt(np.mean(sound.reshape(10, -1) ** 2, axis=1))  # every half second
    assert (level > 0.05).tolist() == ([True] * 4 + [False]) * 2
