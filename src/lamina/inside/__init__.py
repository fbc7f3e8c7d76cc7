"""Inside: a trained network opened up. What its recurrent layers keep, and how far back its gradient reaches."""

from lamina.inside.anatomy import Organ, anatomy
from lamina.inside.arithmetic import Unit, check
from lamina.inside.backward import Backward, Gradient, WeightGradient, backward
from lamina.inside.explanation import Explanation, explain
from lamina.inside.gates import GRUGates, LSTMGates, gates
from lamina.inside.gradient import BackInTime, back_in_time
from lamina.inside.kept import Kept, keep, kept
from lamina.inside.memory import memory_of
from lamina.inside.mistakes import mistakes_of
from lamina.inside.plain import plain
from lamina.inside.trace import Step, Trace, outputs, trace
from lamina.inside.unit import unit

__all__ = [
    "BackInTime",
    "Backward",
    "Explanation",
    "GRUGates",
    "Gradient",
    "Kept",
    "LSTMGates",
    "Organ",
    "Step",
    "Trace",
    "Unit",
    "WeightGradient",
    "anatomy",
    "back_in_time",
    "backward",
    "check",
    "explain",
    "gates",
    "keep",
    "kept",
    "memory_of",
    "mistakes_of",
    "outputs",
    "plain",
    "trace",
    "unit",
]
