"""Networks with hand-written backpropagation: layers, initialisations, and a stack of them as a problem."""

from __future__ import annotations

from optibench.networks.convolution import AveragePool, Conv2d, MaxPool
from optibench.networks.layers import Activate, BatchNorm, Dense, Dropout, Flatten, Layer, LayerNorm
from optibench.networks.network import Network
from optibench.networks.problem import network_problem, one_hot, split, standardised
from optibench.networks.sequence import Embedding, SimpleRNN

__all__ = [
    "Activate", "AveragePool", "BatchNorm", "Conv2d", "Dense", "Dropout", "Embedding", "Flatten", "Layer", "LayerNorm",
    "MaxPool", "Network", "SimpleRNN", "network_problem", "one_hot", "split", "standardised",
]  # fmt: skip
