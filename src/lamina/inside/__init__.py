"""Inside: a trained network opened up: what each unit computes, what decided the answer and the loss."""

from lamina.inside.anatomy import Organ, anatomy
from lamina.inside.arithmetic import Unit, check
from lamina.inside.backward import Backward, Gradient, WeightGradient, backward
from lamina.inside.counterfactual import Counterfactual, counterfactual
from lamina.inside.embedding import Embedding, embedding
from lamina.inside.explanation import Explanation, explain
from lamina.inside.features import Excited, Features, features
from lamina.inside.gates import GRUGates, LSTMGates, gates
from lamina.inside.gradient import BackInTime, back_in_time
from lamina.inside.importance import Dependence, Importance, dependence, permutation
from lamina.inside.kept import Kept, keep, kept
from lamina.inside.memory import memory_of
from lamina.inside.mistakes import mistakes_of
from lamina.inside.plain import plain
from lamina.inside.saliency import Saliency, saliency
from lamina.inside.surface import Surface, surface
from lamina.inside.trace import Step, Trace, outputs, trace
from lamina.inside.unit import unit

__all__ = [
    "BackInTime",
    "Backward",
    "Counterfactual",
    "Dependence",
    "Embedding",
    "Excited",
    "Explanation",
    "Features",
    "GRUGates",
    "Gradient",
    "Importance",
    "Kept",
    "LSTMGates",
    "Organ",
    "Saliency",
    "Step",
    "Surface",
    "Trace",
    "Unit",
    "WeightGradient",
    "anatomy",
    "back_in_time",
    "backward",
    "check",
    "counterfactual",
    "dependence",
    "embedding",
    "explain",
    "features",
    "gates",
    "keep",
    "kept",
    "memory_of",
    "mistakes_of",
    "outputs",
    "permutation",
    "plain",
    "saliency",
    "surface",
    "trace",
    "unit",
]
