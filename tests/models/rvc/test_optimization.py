"""Flags override the environment, and the environment overrides the defaults for the device."""

import pytest

from engine.errors import ConfigError
from engine.models.rvc.optimization import VARIABLES, OptimizationConfig


def test_each_device_has_its_defaults() -> None:
    found = [OptimizationConfig.resolve(device, {}) for device in ("cpu", "mps", "cuda", "cuda:1")]
    assert [(each.fp16, each.gpu_filter, each.batch_size) for each in found] == [
        (False, False, 1), (False, True, 1), (True, True, 4), (True, True, 4)
    ]  # fmt: skip
    assert all(each.gpu_retrieval and not each.profiling for each in found)


def test_the_environment_overrides_the_defaults_and_flags_override_the_environment() -> None:
    for text, is_on in (("true", True), ("FALSE", False), ("1", True), ("off", False)):
        environ = {
            variable: text for name, (variable, _) in VARIABLES.items() if name != "batch_size"
        }
        config = OptimizationConfig.resolve("cuda", environ | {"RVC_BATCH_SIZE": "8"})
        assert (config.gpu_retrieval, config.fp16, config.gpu_filter, config.profiling) == (
            is_on,
        ) * 4, text
        assert config.batch_size == 8
    environ = {"RVC_USE_FP16": "true", "RVC_BATCH_SIZE": "8", "RVC_PROFILING": ""}
    config = OptimizationConfig.resolve("cpu", environ, fp16=False, gpu_filter=None, profiling=True)
    assert (config.fp16, config.gpu_filter, config.batch_size, config.profiling) == (
        False,
        False,
        8,
        True,
    )
    assert [variable for variable, _ in VARIABLES.values()] == [
        "RVC_GPU_RETRIEVAL", "RVC_USE_FP16", "RVC_GPU_FILTER", "RVC_BATCH_SIZE", "RVC_PROFILING"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "text", "reason"),
    [
        ("RVC_USE_FP16", "maybe", "'maybe' is neither true nor false"),
        ("RVC_BATCH_SIZE", "0", "'0' is not a whole number from 1 to 64"),
        ("RVC_BATCH_SIZE", "4.5", "'4.5' is not a whole number from 1 to 64"),
    ],
)
def test_an_invalid_value_is_refused_with_its_variable(
    variable: str, text: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=f"{variable}: {reason}"):
        OptimizationConfig.resolve("cuda", {variable: text})
