"""Flags override the environment, and the environment overrides the defaults for the device."""

import pytest

from engine.errors import ConfigError
from engine.models.rvc.optimization import OptimizationConfig


def test_each_device_has_its_defaults() -> None:
    found = [OptimizationConfig.resolve(device, {}) for device in ("cpu", "mps", "cuda", "cuda:1")]
    assert [(each.fp16, each.gpu_filter, each.batch_size) for each in found] == [
        (False, False, 1), (False, True, 1), (True, True, 4), (True, True, 4)
    ]  # fmt: skip
    assert all(each.gpu_retrieval and not each.profiling for each in found)


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
