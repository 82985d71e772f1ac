"""Conversion on the machines of a Ray cluster: `--cluster`.

cluster_voice.py  the voice on an ActorPool (jobs/kit/ray_pool.py): spans of sound are sent as float32 arrays
voice_recipe.py   the worker in each actor: loads the same voice as a local run and converts spans
"""
