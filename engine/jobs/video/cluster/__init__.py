"""Stages on the machines of a Ray cluster: `--cluster`.

cluster_stages.py  PaintStages out of actors: segments travel, what is lost is painted again; patient.py: a quiet source
crew.py            the actors: started, checked, replaced; actor.py: what each of them runs
"""
