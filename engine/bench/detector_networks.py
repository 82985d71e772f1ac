"""Networks that `bench detector` has trained, kept in its work folder: an interrupted bench goes on with the next."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import engine.models.detector
from engine.models.detector.network import build_network
from engine.models.detector.targets import LabelledPicture
from engine.system.atomic_file import replace_file

if TYPE_CHECKING:
    from torch import nn

PREFIX, SUFFIX = "network-", ".safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedNetwork:
    network: "nn.Module"
    seconds: float
    """Wall time of the training."""
    loss: float
    """Mean of the last tenth of the steps."""


def network_path(work: Path, pictures: Sequence[LabelledPicture], *settings: object) -> Path:
    """File of the network trained on these pictures with these settings by this version of the code."""
    digest = hashlib.sha256(repr(settings).encode())
    for picture in pictures:
        for array in (picture.colors, picture.boxes, picture.is_ignored):
            digest.update(np.ascontiguousarray(array).tobytes())
    (package,) = engine.models.detector.__path__
    for source in sorted(Path(package).glob("*.py")):
        digest.update(source.read_bytes())
    return work / f"{PREFIX}{digest.hexdigest()[:16]}{SUFFIX}"


def save_network(path: Path, trained: TrainedNetwork) -> None:
    """Raises OSError."""
    from safetensors.torch import save_file

    new = path.with_suffix(".new")
    told = {"seconds": repr(trained.seconds), "loss": repr(trained.loss)}
    weights = {name: weight.contiguous() for name, weight in trained.network.state_dict().items()}  # not channels last
    save_file(weights, new, metadata=told)
    replace_file(new, path)


def load_network(path: Path) -> TrainedNetwork | None:
    """None if there is no such file."""
    from safetensors import safe_open

    if not path.exists():
        return None
    network = build_network(seed=0)
    with safe_open(path, framework="pt") as stored:
        network.load_state_dict({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118  not a dict
        told = stored.metadata()
    network.eval()
    return TrainedNetwork(network=network, seconds=float(told["seconds"]), loss=float(told["loss"]))
