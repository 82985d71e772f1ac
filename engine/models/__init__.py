"""Inference on tensors: the only part of the engine that imports torch, and only inside functions or in modules that
are themselves imported inside functions. No rings, no OSC; a loop in `engine.children` joins a model to those.
"""
