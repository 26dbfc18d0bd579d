"""Training that is resumed goes on as if it had not stopped."""

import copy
from pathlib import Path

import pytest
import torch

from vlaecodec.training.checkpoint import Progress, load_moments, load_weights, save_checkpoint
from vlaecodec.training.descent import Descent


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Conv2d(9, 12, 3).to(memory_format=torch.channels_last)


def descent_of(model: torch.nn.Module, muon: bool) -> Descent:
    descent = Descent(model, torch.device("cpu"), muon=muon)
    descent.set_rate(0.1)
    return descent


def step(model: torch.nn.Module, descent: Descent, seed: int) -> None:
    torch.manual_seed(seed)
    descent.descend(model(torch.randn(2, 9, 8, 8)).square().sum(), 100.0)


def begin(path: Path, muon: bool) -> tuple[torch.nn.Module, Descent, torch.nn.Module]:
    """A network after one step, its descent, and the network that its checkpoint holds."""
    model = network()
    descent = descent_of(model, muon)
    step(model, descent, 1)
    save_checkpoint(path, model, copy.deepcopy(model), descent, {}, Progress())
    resumed = network()
    load_weights(path, resumed, "model")
    return model, descent, resumed


@pytest.mark.parametrize("muon", [False, True])
def test_moments_follow_weights_whose_channels_are_last_in_memory(tmp_path, muon) -> None:
    path = tmp_path / "run.safetensors"
    model, descent, resumed = begin(path, muon)
    other = descent_of(resumed, muon)
    load_moments(path, resumed, other)
    step(model, descent, 2)
    step(resumed, other, 2)
    fresh = network()
    load_weights(path, fresh, "model")
    step(fresh, descent_of(fresh, muon), 2)
    assert not torch.allclose(model.weight, fresh.weight, atol=1e-4)
    assert torch.allclose(model.weight, resumed.weight, atol=1e-6)


@pytest.mark.parametrize("muon", [False, True])
def test_a_run_goes_on_with_the_other_optimiser(tmp_path, muon) -> None:
    """A CPU continues with Adam what a GPU began with Muon."""
    path = tmp_path / "run.safetensors"
    model, _, resumed = begin(path, muon)
    other = descent_of(resumed, not muon)
    load_moments(path, resumed, other)
    step(resumed, other, 2)
    assert not torch.equal(model.weight, resumed.weight)
    assert resumed.weight.isfinite().all()
