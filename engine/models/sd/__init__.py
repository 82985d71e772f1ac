"""Stable Diffusion img2img, for single pictures and streams.

    model = load(ModelSpec(model="stabilityai/sd-turbo"), "cuda", "float16")
    cond = Conditioner(model).encode("a forest of glass", None)     # when a text changes
    pixels = Pixels(model, 512, 512)
    z = pixels.encode(rgb)                                          # every picture
    ...                                                             # run a schedule on z
    rgb, is_finite = pixels.decode(z)

Read `plan/model_plan.py` (decides how a model is run), `model.py` (its networks), `load.py`, then
the schedules. Importing this package does not load torch; `spec.py` and `plan/` never do.
"""

from engine.models.sd.spec import ModelSpec
