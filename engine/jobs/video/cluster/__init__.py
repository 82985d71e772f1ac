"""Stages on the machines of a Ray cluster: `--cluster`.

cluster_stages.py  PaintStages on an ActorPool (jobs/kit/ray_pool.py): the clip is sent in segments
paint_recipe.py    the worker in each actor: loads the same stages as a local run and paints segments
"""
