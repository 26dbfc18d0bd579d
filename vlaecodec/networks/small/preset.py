"""The sizes and switches that tell one small VLAE from another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

BOTTLENECK = 16
"""Channels that the posterior narrows its trunk to, where the latent is a vector."""


@dataclass(frozen=True)
class Preset:
    """One experiment. The defaults are the binary images'.

    Vectors are maps of one position: a latent is always [latent_channels, latent_px, latent_px].
    """

    image_px: int = 28
    colours: int = 1
    """1: black and white, Bernoulli; 3: eight bits, discretised logistics."""
    latent_channels: int = 64
    latent_px: int = 1
    window_width: int = 9
    window_height: int = 5
    """0: nothing is seen of other pixels, as in a plain VAE."""
    grey_context: bool = False
    """Whether the window shows brightness only, so that the latent must tell all colour."""
    decoder: str = "causal"
    """"causal": the window, in raster order; "passes": sub-grids from coarse to fine, of colour."""
    neighbours: int = 33
    """Known pixels that one of a sub-grid sees, or fewer: as many as a window of 7x4, about."""
    prior: str = "flow"
    """"flow": autoregressive; "gaussian": N(0, 1)."""
    posterior: str = "gaussian"
    """"gaussian": one for each element; "flow": an inverse autoregressive flow on top."""
    conditional: bool = True
    """Whether the decoder sees the latent at all."""
    flow_steps: int = 4
    flow_channels: int = 320
    half_channels: int = 48
    """At half the image's resolution."""
    quarter_channels: int = 64
    """At a quarter of it."""
    blocks: int = 2
    """Residual blocks at a quarter of the resolution; at half of it there is one."""
    full_channels: int = 24
    local_features: int = 16
    local_channels: int = 128
    local_layers: int = 3
    colour_channels: int = 48
    mixture_components: int = 3
    """Logistics for each sample of a colour image."""
    free_nats: float = 0.01
    """KL divergence of each latent element that costs nothing (section 3.1)."""
    free_total_nats: float = 0.0
    """Soft free bits: the KL's weight is steered until it is above this (section 4.3); 0: off."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


SMALLER: dict[str, Any] = {
    "half_channels": 32,
    "quarter_channels": 48,
    "full_channels": 16,
    "local_channels": 64,
    "local_layers": 2,
    "flow_channels": 160,
}
"""Half the parameters and a fifth of the time of the defaults."""

PRESETS = {
    "mnist-static": Preset(),
    "mnist-dynamic": Preset(),
    "omniglot": Preset(**SMALLER),
    "caltech101": Preset(**SMALLER),
    "cifar10": Preset(
        image_px=32,
        colours=3,
        latent_channels=16,
        latent_px=8,
        window_width=7,
        window_height=4,
        flow_steps=4,
        flow_channels=64,
        half_channels=48,
        quarter_channels=96,
        blocks=3,
        full_channels=24,
        local_features=24,
        local_channels=256,
        local_layers=3,
        colour_channels=64,
        free_total_nats=200.0,
    ),
}
