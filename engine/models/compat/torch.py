"""Private parts of PyTorch. Imports torch at first use only, because the fork server uses it,
too."""

from operator import attrgetter
from typing import Any

from engine.system.lazy_names import lazy_names

__getattr__ = lazy_names(
    "torch",
    {  # torch.compile fails only in its first call, minutes later, and in one error for every cause
        "_inductor.cpp_builder": ("get_cpp_compiler",),
        "_inductor.exc": ("InvalidCxxCompiler",),
        "utils._triton": ("has_triton", "has_triton_package"),
    },
)
is_in_bad_fork = attrgetter("_is_in_bad_fork")
"""Function of `torch.cuda`: True in a fork that cannot use CUDA. `torch.cuda.init` also fails
there, but elsewhere it takes a second and memory of the card."""
version_of = attrgetter("_version")
"""Count of a tensor's changes in place, which only autograd reads. Comparing the values would wait
for the device."""


def prepare_inductor() -> None:
    """Let inductor compile in a thread of this process: the processes of its pool would outlive a
    killed child, and the `options` of torch.compile come too late. What it traces once, with
    `Module.__call__` replaced for all threads, it traces here: a module that another thread called
    meanwhile would fail."""
    from torch._inductor import config, loop_body

    config.compile_threads = 1
    loop_body.InterpreterShim._dummy_gm()


def can_use_cudnn_attention(sample: Any) -> bool:
    """True if cuDNN's attention takes queries, keys and values like this tensor (n, heads, tokens,
    d) on a card."""
    from torch.backends import cuda

    return cuda.can_use_cudnn_attention(
        cuda.SDPAParams(sample, sample, sample, None, 0.0, False, False)
    )


def attend_with_sums(query: Any, key: Any, value: Any) -> tuple[Any, Any]:
    """Attention (n, heads, tokens, d) by cuDNN, on a CPU by torch's own kernel; and of each query,
    in float32, the logarithm of the sum of exp(score) over all keys, which the public function does
    not return."""
    from torch import ops

    if query.device.type == "cpu":
        answers, sums = ops.aten._scaled_dot_product_flash_attention_for_cpu(query, key, value)
    else:
        answers, sums, *_ = ops.aten._scaled_dot_product_cudnn_attention(
            query, key, value, None, True
        )
    return answers, sums
