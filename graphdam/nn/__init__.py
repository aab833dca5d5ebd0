"""Models whose widths can be learnt: encoders of graphs, models of images, IGMC for ratings."""

from graphdam.nn.adjacency import Adjacency
from graphdam.nn.autoencoder import Autoencoder
from graphdam.nn.clusters import Clusters, ClusterSampling
from graphdam.nn.encoder import Encoder
from graphdam.nn.export import Export, export_encoder
from graphdam.nn.gat import GAT
from graphdam.nn.gcn import GCN
from graphdam.nn.graphsage import GraphSAGE
from graphdam.nn.igmc import IGMC
from graphdam.nn.image_model import ImageModel
from graphdam.nn.layerwise import layerwise
from graphdam.nn.lenet import LeNet5
from graphdam.nn.mlp import MLP
from graphdam.nn.neighbor_draws import NeighborDraws, Neighborhood, require_sampler
from graphdam.nn.preresnet import PreResNet
from graphdam.nn.sampling import NeighborSampling, Sample
from graphdam.nn.subgraphs import Subgraph, SubgraphSampling
from graphdam.nn.vgg import VGG16BN
from graphdam.nn.walks import WalkSampling

__all__ = [
    "GAT",
    "GCN",
    "IGMC",
    "MLP",
    "VGG16BN",
    "Adjacency",
    "Autoencoder",
    "ClusterSampling",
    "Clusters",
    "Encoder",
    "Export",
    "GraphSAGE",
    "ImageModel",
    "LeNet5",
    "NeighborDraws",
    "NeighborSampling",
    "Neighborhood",
    "PreResNet",
    "Sample",
    "Subgraph",
    "SubgraphSampling",
    "WalkSampling",
    "export_encoder",
    "layerwise",
    "require_sampler",
]
