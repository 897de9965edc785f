"""Models of the user's own, and inference for any of them."""

from skvi.gradient.constraints import Interval
from skvi.gradient.parameters import Parameter

__all__ = ["Interval", "Parameter"]
