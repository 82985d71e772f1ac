"""The live models, in page order, for what the schema says about all of them. Add the module of a new one here."""

from osc_schema import rvc, sam3, sd

MODELS = (sd, sam3, rvc)
NAMES = tuple(model.CHILD for model in MODELS)
PICTURES = tuple(picture for model in MODELS for picture in model.AREA.pictures)
"""Pictures that a run may publish beside the main one."""
PAINTERS = tuple(model.CHILD for model in MODELS if model.AREA.paints_layer5)
"""Those that layer 5 may show."""
FOUND_OBJECTS = sam3.FOUND_OBJECTS
"""The messages about found objects, of the one model that finds any."""
