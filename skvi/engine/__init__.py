"""The engine: coordinate ascent on an evidence lower bound, for any conjugate model and any schedule.

A model gives its blocks, a local step, a global step and a bound (`skvi.models.base`); a schedule says in
which order they run; the loop runs restarts side by side and the monitor watches their bounds.
"""
