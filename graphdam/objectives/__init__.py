"""What an encoder is trained to do."""

from graphdam.objectives.node_classification import NodeClassification
from graphdam.objectives.objective import Evaluation, Objective, PreparedGraph, prepare_graph
from graphdam.objectives.prefixes import PrefixScore, score_prefixes

__all__ = [
    "Evaluation",
    "NodeClassification",
    "Objective",
    "PrefixScore",
    "PreparedGraph",
    "prepare_graph",
    "score_prefixes",
]
