"""What an encoder is trained to do."""

from graphdam.objectives.alike import embeddings_alike
from graphdam.objectives.embedding import EmbeddingObjective
from graphdam.objectives.infomax import DeepGraphInfomax
from graphdam.objectives.links import LinkReconstruction
from graphdam.objectives.node_classification import NodeClassification
from graphdam.objectives.objective import Evaluation, Objective, PreparedGraph, prepare_graph
from graphdam.objectives.prefixes import PrefixScore, score_prefixes
from graphdam.objectives.views import Bootstrap, Grace

__all__ = [
    "Bootstrap",
    "DeepGraphInfomax",
    "EmbeddingObjective",
    "Evaluation",
    "Grace",
    "LinkReconstruction",
    "NodeClassification",
    "Objective",
    "PrefixScore",
    "PreparedGraph",
    "embeddings_alike",
    "prepare_graph",
    "score_prefixes",
]
