"""Segmentation on the machines of a Ray cluster: `--cluster`.

cluster_segments.py  SegmentStage on an ActorPool (jobs/kit/ray_pool.py): batches are sent in pieces
segment_recipe.py    the worker in each actor: loads the same model as a local run and segments pieces
"""
