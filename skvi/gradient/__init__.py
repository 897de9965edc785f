"""Inference that follows gradients: targets, steps, objectives and optimizers, in one loop."""
