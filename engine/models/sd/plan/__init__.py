"""Decides from file headers and JSON what a model is, how it is run, or why it is refused. Does not
load torch.

Start at `model_plan.py`.
"""
