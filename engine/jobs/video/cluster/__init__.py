"""Stages on the machines of a Ray cluster: `--cluster`.

cluster_stages.py  PaintStages on an ActorPool (jobs/kit/ray_pool.py): the clip travels in segments
paint_recipe.py    the worker in each actor: loads the stages of a local run and paints segments
"""
