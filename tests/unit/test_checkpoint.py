"""Training that is resumed goes on as if it had not stopped."""

import copy

import torch

from vlaecodec.training.checkpoint import Progress, load_optimizer, load_weights, save_checkpoint


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)


def step(model: torch.nn.Module, optimizer: torch.optim.Adam, seed: int) -> None:
    torch.manual_seed(seed)
    optimizer.zero_grad()
    model(torch.randn(2, 3, 8, 8)).square().sum().backward()
    optimizer.step()


def test_moments_follow_weights_whose_channels_are_last_in_memory(tmp_path) -> None:
    model, path = network(), tmp_path / "run.safetensors"
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, fused=True)
    step(model, optimizer, 1)
    save_checkpoint(path, model, copy.deepcopy(model), optimizer, {}, Progress())
    resumed = network()
    load_weights(path, resumed, "model")
    other = torch.optim.Adam(resumed.parameters(), lr=0.1, fused=True)
    load_optimizer(path, resumed, other)
    step(model, optimizer, 2)
    step(resumed, other, 2)
    assert torch.allclose(model.weight, resumed.weight, atol=1e-6)
