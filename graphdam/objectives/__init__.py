"""What a model is trained to do."""

from graphdam.objectives.alike import embeddings_alike
from graphdam.objectives.classification import Classification
from graphdam.objectives.embedding import EmbeddingObjective
from graphdam.objectives.graph_targets import Outcomes, Regression
from graphdam.objectives.infomax import DeepGraphInfomax
from graphdam.objectives.links import LinkReconstruction
from graphdam.objectives.node_classification import NodeClassification
from graphdam.objectives.objective import Evaluation, Objective
from graphdam.objectives.prefixes import PrefixScore, score_prefixes
from graphdam.objectives.prepared import (
    Counted,
    Prepared,
    PreparedEdges,
    PreparedGraph,
    prepare_graph,
)
from graphdam.objectives.prepared_batches import PreparedClasses
from graphdam.objectives.prepared_graphs import PreparedGraphs
from graphdam.objectives.prepared_images import PreparedImages
from graphdam.objectives.prepared_nodes import NodeBatch, PreparedLayers, PreparedNodes
from graphdam.objectives.prepared_parts import (
    PreparedClusters,
    PreparedNeighborhoods,
    PreparedParts,
)
from graphdam.objectives.prepared_ratings import PreparedRatings
from graphdam.objectives.prepared_rows import PreparedRows
from graphdam.objectives.prepared_subgraphs import PreparedSubgraphs, SubgraphBatch
from graphdam.objectives.rating_prediction import RatingPrediction
from graphdam.objectives.reconstruction import Reconstruction
from graphdam.objectives.views import Bootstrap, Grace

__all__ = [
    "Bootstrap",
    "Classification",
    "Counted",
    "DeepGraphInfomax",
    "EmbeddingObjective",
    "Evaluation",
    "Grace",
    "LinkReconstruction",
    "NodeBatch",
    "NodeClassification",
    "Objective",
    "Outcomes",
    "PrefixScore",
    "Prepared",
    "PreparedClasses",
    "PreparedClusters",
    "PreparedEdges",
    "PreparedGraph",
    "PreparedGraphs",
    "PreparedImages",
    "PreparedLayers",
    "PreparedNeighborhoods",
    "PreparedNodes",
    "PreparedParts",
    "PreparedRatings",
    "PreparedRows",
    "PreparedSubgraphs",
    "RatingPrediction",
    "Reconstruction",
    "Regression",
    "SubgraphBatch",
    "embeddings_alike",
    "prepare_graph",
    "score_prefixes",
]
