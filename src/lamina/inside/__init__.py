"""Inside: a trained network opened up. What its recurrent layers keep, and how far back its gradient reaches."""

from lamina.inside.anatomy import Organ, anatomy
from lamina.inside.gates import GRUGates, LSTMGates, gates
from lamina.inside.gradient import BackInTime, back_in_time
from lamina.inside.kept import Kept, keep, kept
from lamina.inside.memory import memory_of
from lamina.inside.mistakes import mistakes_of
from lamina.inside.plain import plain
from lamina.inside.trace import Step, Trace, outputs, trace

__all__ = [
    "BackInTime",
    "GRUGates",
    "Kept",
    "LSTMGates",
    "Organ",
    "Step",
    "Trace",
    "anatomy",
    "back_in_time",
    "gates",
    "keep",
    "kept",
    "memory_of",
    "mistakes_of",
    "outputs",
    "plain",
    "trace",
]
