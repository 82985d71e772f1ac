"""What a model is made of, as the user names it."""

from dataclasses import dataclass

RANDOM = "random:"
ACCELERATORS = ("none", "inductor", "tensorrt", "stablefast", "deepcache")
VAE_WORDS = ("auto", "taesd", "full")
NO_MODEL = (
    "no model: name one with --model (a diffusers folder, a .safetensors file or a Hugging Face id, for example "
    "--model stabilityai/sd-turbo), or set model under [sd] in a file and pass --config FILE.toml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Names are paths or Hugging Face ids, as `locate.find` takes them; which are allowed is the caller's concern."""

    model: str
    """A diffusers folder, an id, or one `.safetensors` file of Stable Diffusion 1.5, 2.x or XL; or `random:SHAPE`, a
    model of a true size with random weights, for measuring."""
    vae: str = "auto"
    """auto: TAESD where it is to be had, else the model's own. taesd; full: the model's own. Else a folder or id."""
    sampler: str = "auto"
    """One of `sampler_choice.SAMPLERS`; auto: what the scheduler's configuration and the names tell."""
    prediction: str = "auto"
    """epsilon or v: what the UNet predicts; auto: what the model's files tell."""
    loras: tuple[tuple[str, float], ...] = ()
    """(`.safetensors` file, folder or id; weight to start with)."""
    controlnets: tuple[str, ...] = ()
    """Diffusers folders or ids."""
    ip_adapter: str = ""
    """A `.safetensors` file, on disk or `owner/name/path/in/it.safetensors`; "" for none."""
    image_encoder: str = ""
    """Folder or id of the IP-Adapter's CLIP vision model; "": `image_encoder` beside the adapter."""
    embeddings: tuple[str, ...] = ()
    """Textual inversion embeddings: `.safetensors`, `.pt` or `.bin` files, folders or ids."""
    clip_skip: int = 0
    """1: the text encoder's last layer, 2: the last but one, and so on, as A1111 counts; 0: the model's own."""

    accelerator: str = "none"
    """What makes the UNet faster, one of ACCELERATORS; none: captured graphs on CUDA, no compiler."""

    @property
    def random_shape(self) -> str:
        """A name in `shapes.SHAPES`; "" where the model has weights of its own."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
