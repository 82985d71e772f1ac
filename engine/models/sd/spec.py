"""The parts of a model as named by the user."""

from dataclasses import dataclass

RANDOM = "random:"
ACCELERATORS = ("auto", "none", "inductor", "deepcache")
DETECTORS = {
    "depth": "depth-anything/Depth-Anything-V2-Small-hf",
    "pose": "usyd-community/vitpose-base-simple",
}
"""An example of each kind of network that computes control images, by the key in `ModelSpec`."""
VAE_OPTIONS = ("auto", "taesd", "full")
NO_MODEL = (
    "no model: name one with --model (a diffusers folder, a .safetensors file or a Hugging Face "
    "id, for example "
    "--model stabilityai/sd-turbo), or set model under [sd] in a file and pass --config FILE.toml"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """Names of a model and its parts: paths or Hugging Face ids for `locate.find`. The caller may
    allow only some."""

    model: str
    """A diffusers folder, an id, or one `.safetensors` file of Stable Diffusion 1.5, 2.x or XL; or
    `random:SHAPE`, a model of a true size with random weights, for measuring."""
    vae: str = "auto"
    """auto: TAESD if available, else the model's own. taesd. full: the model's own. Or a folder,
    file or id."""
    unet: str = ""
    """A UNet in place of the model's own: a file, folder or id; "" for none."""
    sampler: str = "auto"
    """One of `sampler_choice.SAMPLERS`; auto: from the scheduler's configuration and the file
    names."""
    prediction: str = "auto"
    """The UNet's prediction, epsilon, v or flow; auto: from the model's files."""
    loras: tuple[tuple[str, float], ...] = ()
    """(`.safetensors` file, folder or id; weight to start with)."""
    controlnets: tuple[str, ...] = ()
    """Diffusers folders or ids."""
    ip_adapter: str = ""
    """A `.safetensors` file, on disk or `owner/name/path/in/it.safetensors`; "" for none."""
    image_encoder: str = ""
    """Folder or id of the IP-Adapter's CLIP vision model; "": `image_encoder` beside the
    adapter."""
    depth: str = ""
    """Folder or id of a DepthAnything, which draws control images; "" for none."""
    pose: str = ""
    """The same of a ViTPose."""
    embeddings: tuple[str, ...] = ()
    """Textual inversion embeddings: `.safetensors`, `.pt` or `.bin` files, folders or ids."""
    upscaler: str = ""
    """A file of an upscaler (`upscaler_file`) for the painted pictures, live only; "" for none."""
    clip_skip: int = 0
    """1: the text encoder's last layer, 2: the second to last, and so on, as in A1111; 0: the
    model's own."""

    accelerator: str = "none"
    """One of ACCELERATORS for the UNet. auto: inductor for live pictures on CUDA, if it can
    compile; none: captured graphs on CUDA, no compiler."""

    @property
    def random_shape(self) -> str:
        """A name in `shapes.SHAPES`, or "" if the model has its own weights."""
        return self.model.removeprefix(RANDOM) if self.model.startswith(RANDOM) else ""
