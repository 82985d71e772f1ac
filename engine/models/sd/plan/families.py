"""The families of Stable Diffusion that are run, and how they are called. Pure."""

FAMILIES = {"sd15": "SD 1.5", "sd21": "SD 2.x", "sdxl": "SDXL"}
"""As people call them."""
FULL_NAMES = {"sd15": "Stable Diffusion 1.5", "sd21": "Stable Diffusion 2.x", "sdxl": "Stable Diffusion XL"}
TEXT_WIDTHS = {768: FAMILIES["sd15"], 1024: FAMILIES["sd21"], 2048: FAMILIES["sdxl"]}
"""Numbers a token of the text has, by the family whose UNet attends to it (`cross_attention_dim`)."""
