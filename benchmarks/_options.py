"""What the command line asks for, as the parts see it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Options of a run.

    Parameters
    ----------
    quick : bool
        Whether to reduce sizes and repeats.
    data : Path or None
        Folder of real data sets.
    splits : int or None
        Splits of each real data set; None is what a part takes by itself.
    """

    quick: bool = False
    data: Path | None = None
    splits: int | None = None

    def rows(self, n):
        """Number of rows to use where a full run has n."""
        return min(n, max(n // 20, 2000)) if self.quick else n

    def repeats(self, n):
        """Number of repeats where a full run has n."""
        return min(n, 2) if self.quick else n
