"""A small detector of foundation piles, which shows by training what a dataset is worth.

network.py   the network: a U-Net that gives centres and sizes; finding.py: boxes from its output
targets.py   crops of labelled pictures, and what the network should answer
training.py  trains it
scoring.py   average precision, F1, false positives; without torch
threshold.py a detector that does not learn: bright spots, for comparison; without torch
"""
