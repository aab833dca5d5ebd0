"""GCN, GraphSAGE and GAT whose layers learn their width, and how such layers lose channels."""

from graphdam.nn.adjacency import Adjacency
from graphdam.nn.encoder import Encoder
from graphdam.nn.gat import GAT
from graphdam.nn.gcn import GCN
from graphdam.nn.graphsage import GraphSAGE

__all__ = ["GAT", "GCN", "Adjacency", "Encoder", "GraphSAGE"]
