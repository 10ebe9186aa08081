"""The recorder room: who counts, draws and stops."""

from .budget import Budget, as_budget
from .draws import Draws, Frozen, Redraw
from .record import Monitor
from .recorder import Recorder
from .trace import Trace

__all__ = ["Budget", "Draws", "Frozen", "Monitor", "Recorder", "Redraw", "Trace", "as_budget"]
