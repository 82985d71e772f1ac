"""Private parts of diffusers, imported at first use."""

from engine.system.lazy_names import lazy_names

__getattr__ = lazy_names(
    "diffusers",
    {
        # The public `from_single_file` downloads configurations, and ignores tensors that are
        # missing or left over.
        "loaders.single_file_utils": ("convert_ldm_vae_checkpoint",),
        # The layers themselves: `attn_processors` gives their processors only.
        "models.attention_processor": ("Attention",),
        # The projection of a standard IP-Adapter; nothing else distinguishes it from a plus one.
        "models.embeddings": ("ImageProjection",),
        # Only a whole AutoencoderTiny is public.
        "models.unets.unet_2d_blocks": ("AutoencoderTinyBlock",),
    },
)
