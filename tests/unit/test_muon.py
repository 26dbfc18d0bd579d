"""Muon's steps: orthogonal, of Adam's size, and downhill."""

import pytest
import torch

from vlaecodec.training.descent import Descent
from vlaecodec.training.muon import STEP_SIZE, Muon, orthogonalise


@pytest.mark.parametrize("shape", [(2, 6, 20), (3, 20, 6), (1, 8, 8)])
def test_singular_values_come_near_one(shape) -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_a_step_has_the_size_that_adams_has() -> None:
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(32, 64, 1, 1))
    weight.grad = torch.randn(32, 64, 1, 1)
    Muon([weight], 0.01).step()
    assert float(weight.detach().square().mean().sqrt()) == pytest.approx(0.01 * STEP_SIZE, rel=0.2)


def test_it_takes_matrices_and_adam_the_rest() -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(9, 16, 1), torch.nn.Conv2d(16, 16, 3, groups=16), torch.nn.Conv2d(16, 2, 1)
    )
    descent = Descent(network, torch.device("cpu"), muon=True)
    adam, muon = descent.optimizers
    assert [p.shape[:2] for p in muon.param_groups[0]["params"]] == [(16, 9)]
    assert len(adam.param_groups[0]["params"]) == 5
    x, wanted = torch.randn(16, 9, 5, 5), torch.randn(16, 2, 3, 3)
    losses = []
    for step in range(60):
        descent.set_rate(0.02 * (1 - step / 60))
        loss = (network(x) - wanted).square().mean()
        losses.append(float(loss.detach()))
        descent.descend(loss, 10.0)
    assert losses[-1] < 0.9 * losses[0]
