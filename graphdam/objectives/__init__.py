"""What an encoder is trained to do."""

from graphdam.objectives.node_classification import NodeClassification
from graphdam.objectives.objective import Evaluation, Objective, PreparedGraph, prepare_graph

__all__ = ["Evaluation", "NodeClassification", "Objective", "PreparedGraph", "prepare_graph"]
