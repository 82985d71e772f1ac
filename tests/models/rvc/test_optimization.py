"""Flags override the environment, and the environment overrides the defaults for the device."""

import subprocess
import sys

import pytest

from engine.errors import ConfigError
from engine.models.rvc.optimization import OptimizationConfig

CPU, MPS, CUDA = (
    OptimizationConfig.for_cpu(),
    OptimizationConfig.for_apple_silicon(),
    OptimizationConfig.for_cuda(),
)


def test_each_device_has_its_defaults() -> None:
    assert [config.fp16 for config in (CPU, MPS, CUDA)] == [False, False, True]
    assert all(config.gpu_retrieval and not config.profiling for config in (CPU, MPS, CUDA))
    for device, config in (("cpu", CPU), ("mps", MPS), ("cuda", CUDA), ("cuda:1", CUDA)):
        assert OptimizationConfig.resolve(device, {}) == config


@pytest.mark.parametrize(("text", "is_on"), [("true", True), ("FALSE", False), ("1", True), ("off", False)])
def test_the_environment_overrides_the_defaults_of_the_device(text: str, is_on: bool) -> None:
    names = {
        "RVC_GPU_RETRIEVAL": "gpu_retrieval",
        "RVC_USE_FP16": "fp16",
        "RVC_GPU_FILTER": "gpu_filter",
        "RVC_PROFILING": "profiling",
    }
    for variable, name in names.items():
        config = OptimizationConfig.from_environment({variable: text, "RVC_BATCH_SIZE": "8"}, "cuda")
        assert getattr(config, name) is is_on and config.batch_size == 8


def test_flags_override_the_environment() -> None:
    environ = {"RVC_USE_FP16": "true", "RVC_BATCH_SIZE": "8", "RVC_PROFILING": ""}
    config = OptimizationConfig.resolve("cpu", environ, fp16=False, profiling=True)
    assert (config.fp16, config.batch_size, config.profiling) == (False, 8, True)


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("RVC_USE_FP16", "maybe", "RVC_USE_FP16: 'maybe' is neither true nor false"),
        ("RVC_BATCH_SIZE", "0", "RVC_BATCH_SIZE: '0' is not a whole number from 1 to 64"),
        ("RVC_BATCH_SIZE", "4.5", "RVC_BATCH_SIZE: '4.5' is not a whole number from 1 to 64"),
    ],
)
def test_an_invalid_value_is_refused_with_its_variable(variable: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        OptimizationConfig.from_environment({variable: text}, "cuda")


def test_the_switches_do_not_load_torch() -> None:
    code = "import sys, engine.models.rvc.optimization; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
