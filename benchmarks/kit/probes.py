"""How well classes can be told from features: a linear probe, and nearest neighbours."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

NEIGHBOURS = 5
BATCH = 1000

Features = NDArray[np.float32]
"""[N, features]"""


def linear_probe_accuracy(
    train: Features,
    train_labels: NDArray[np.int64],
    test: Features,
    test_labels: NDArray[np.int64],
    decay: float = 1e-4,
) -> float:
    """Part of the test images that logistic regression on standardised features gets right.

    decay: of the squared weights.
    """
    mean, deviation = train.mean(0), train.std(0) + 1e-3
    x, probe = ((torch.from_numpy((f - mean) / deviation)) for f in (train, test))
    y = torch.from_numpy(train_labels)
    weight = torch.zeros(x.shape[1] + 1, int(y.max()) + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight], max_iter=100, line_search_fn="strong_wolfe")

    def cost() -> torch.Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight[:-1] + weight[-1], y)
        loss = loss + decay * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(cost)
    with torch.no_grad():
        guesses = (probe @ weight[:-1] + weight[-1]).argmax(1).numpy()
    return float(np.mean(guesses == test_labels))


def neighbours_accuracy(
    train: Features, train_labels: NDArray[np.int64], test: Features, test_labels: NDArray[np.int64]
) -> float:
    """Part of the test images that a vote of the NEIGHBOURS nearest training images gets right."""
    x, y = torch.from_numpy(train), torch.from_numpy(train_labels)
    right = 0
    for start in range(0, len(test), BATCH):
        distances = torch.cdist(torch.from_numpy(test[start : start + BATCH]), x)
        nearest = y[distances.topk(NEIGHBOURS, largest=False).indices]
        votes = torch.mode(nearest, dim=1).values.numpy()
        right += int((votes == test_labels[start : start + BATCH]).sum())
    return right / len(test)


def held_out_decay(train: Features, labels: NDArray[np.int64], decays: tuple[float, ...]) -> float:
    """The decay that serves a linear probe best on every fifth of the training images."""
    held = np.arange(len(train)) % 5 == 0
    parts = train[~held], labels[~held], train[held], labels[held]
    return max(decays, key=lambda decay: linear_probe_accuracy(*parts, decay))
