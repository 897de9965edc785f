"""Matrix decompositions: topic models."""

from skvi.decomposition._topics import MeanFieldTopicModel

__all__ = ["MeanFieldTopicModel"]
