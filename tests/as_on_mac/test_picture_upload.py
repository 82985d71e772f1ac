"""A picture on its way to a Mac's GPU.

`Tensor.to("mps", non_blocking=True)` returns before the picture is read; if its memory is freed or
overwritten before that, wrong data arrives without an error (torch's issues 139550 and 189690; its
tutorial on pinned memory says so about CPU to MPS). On CUDA unpinned memory is staged before the
call returns.
"""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models.device_work import DeviceCopy
from engine.models.sd.pixels import crop_and_resize


class Uploads(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.waits: list[bool] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.ops.aten._to_copy.default and kwargs.get("device") is not None:
            self.waits.append(not kwargs.get("non_blocking", False))
        return func(*args, **kwargs)


@pytest.mark.parametrize("is_writable", [True, False])
def test_a_picture_may_be_overwritten_right_after_its_upload_call(is_writable: bool) -> None:
    picture = np.zeros((1, 48, 64, 3), np.uint8)
    picture.flags.writeable = is_writable
    device = torch.device("meta")  # a device other than the CPU and CUDA
    with Uploads() as uploads:
        assert crop_and_resize(picture, 64, 48, device).shape == (1, 3, 48, 64)
        DeviceCopy(device).send(np.zeros((48, 64, 3), np.uint8))
    assert uploads.waits == [True, True]
