"""Stages on the machines of a Ray cluster: `--cluster`.

cluster_stages.py  PaintStages out of actors: segments travel, what is lost is painted again; patient.py: a quiet source
crew.py            the actors: started, checked, replaced; actor.py: what each of them runs
connection.py      which cluster, and its errors in one line; surroundings.py: what starting Ray must leave as it was
"""
