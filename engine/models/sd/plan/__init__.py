"""Decides from file headers and JSON what a model is, how it is run and why it is refused. Nothing here loads torch.

Start at `model_plan.py`.
"""
