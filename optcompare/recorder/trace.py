"""The trace of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

BASE_COLUMNS = ("n_values", "n_gradients", "seconds", "best_value", "value", "loss", "norm", "population_diameter")
# Rows are exact for the first calls; after that a row is written once the calls have grown by this factor.
DENSE_CALLS = 200
ROW_GROWTH = 1.005
MONITOR_GROWTH = 1.122  # 20 marks a decade
# Where calls are small parts of a pass (minibatches), rows may measure this share of the passes made, and some on top.
MEASURED_SHARE = 0.5
MEASURED_FREE = 100


@dataclass
class Trace:
    """What happened over a run: one row (list of floats) per kept moment, under ``columns``.

    best_value is the noise-free objective at the best point shown so far; value, loss, norm and the monitors are taken
    at the incumbent: the latest recommendation, or the best point where the optimizer recommends nothing.
    population_diameter is the mean distance to their centroid of the last points that were given to ``values``
    together, as evaluated (projected); NaN where they come one at a time. Rows are written at every change for the
    first 200 calls, later at the first change after 0.5 % more calls; monitors at about 20 marks a decade (NaN in
    between), and all of it at the end. Measured noise-free and off the purse and the clock; on minibatches a row waits
    until rows have measured no more than 100 passes plus half of those made.
    """

    columns: tuple[str, ...]
    rows: list[list[float]] = field(default_factory=list)

    def to_array(self) -> NDArray[np.float64]:
        """Return the rows as an array (rows, columns)."""
        return np.array(self.rows, dtype=np.float64).reshape(len(self.rows), len(self.columns))

    def to_frame(self) -> Any:
        """Return the rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.to_array(), columns=list(self.columns))
