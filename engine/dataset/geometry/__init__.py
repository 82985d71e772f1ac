"""Turns a scene into meshes and their instances, for any renderer. START HERE:
`build_geometry(scene)`.

scene_geometry.py  the entry point: piles, the user's models and everything else on the site; their
                   models are in vehicles.py, materials.py, fittings.py, earthworks.py, plants.py
batches.py         the result, and what a renderer makes of it
terrain_mesh.py    the terrain, and the part whose colour is baked for Cycles
piles.py           foundation piles; pile_parts.py: their solids
kit.py             assembles a model from solids; primitives.py: closed solids of about one unit
meshes.py          transforms and normals
"""
