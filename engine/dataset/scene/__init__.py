"""The contents of a picture of a construction site, as plain values.

description.py  the whole scene (read first); things.py: piles and everything else, and limits;
                camera.py: the camera
streams.py      random numbers of a scene, by seed and purpose
limits.py       checks of a scene that was edited by hand
"""
