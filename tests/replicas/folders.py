"""Models that are published as diffusers folders."""

from engine.models.diffusion import ModelSpec
from tests.replicas.replica import Replica, Shelf, Works


def sd_turbo(shelf: Shelf) -> ModelSpec:
    shelf.put_on_hub("stabilityai/sd-turbo", shelf.tiny.sd(kind="turbo", vae="kl"))
    return ModelSpec(model="stabilityai/sd-turbo")


REPLICAS = [
    Replica(
        name="stabilityai/sd-turbo",
        source="https://huggingface.co/stabilityai/sd-turbo/blob/main/scheduler/scheduler_config.json",
        build=sd_turbo,
        expect=Works(family="sd21", prediction="epsilon", sampler="turbo", says=("no TAESD here",)),
    ),
]
