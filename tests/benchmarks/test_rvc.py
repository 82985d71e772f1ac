"""The benchmark of the voice measures what it claims to. Its milliseconds are not tested."""

import json
import sys
from collections.abc import Callable

import pytest

from tests.cli.conftest import Cli
from tests.models.rvc.peers import PACKAGE


def test_each_figure_is_reported_with_its_reference(
    bench_here: Cli, monkeypatch: pytest.MonkeyPatch, require: Callable[[object, str], None]
) -> None:
    # others import it otherwise
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE.name]:
        monkeypatch.delitem(sys.modules, name)
    options = ("--seconds", "1", "--block", "100", "--files", "2", "--embeddings", "800", "--json")
    done = bench_here("rvc", "--device", "cpu", *options)
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert (result["shape"], result["device"], result["dtype"]) == ("tiny", "cpu", "float32")
    assert "gain from CUDA graphs in a stream" in result["unverified without a device"]

    for part, blocks in ((result["offline"], "content"), (result["live"]["100 ms"], "sola")):
        assert sum(row["share"] for row in part["stages"].values()) == pytest.approx(1.0, abs=0.01)
        assert blocks in part["stages"]
    assert (
        result["offline"]["seconds"] == pytest.approx(1.0)
        and result["live"]["100 ms"]["blocks"] == 20
    )
    assert result["batch"]["files"] == 2 and result["batch"]["differs"] < 1e-3
    assert (
        result["retrieval"]["same_rows_as_flat"]
        == result["retrieval"]["recall_at_8"]["ours"]
        == 1.0
    )
    assert result["filter"]["differs"] < 1e-5

    require(PACKAGE.is_dir(), "infer-rvc-python")
    synthesizer = result["synthesizer"]
    assert synthesizer["times_infer_rvc_python"] > 0 and synthesizer["latent_differs"] < 1e-4
