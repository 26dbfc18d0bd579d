"""The sizes that tell one photo VLAE from another."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """Channel counts and depths. Everything else about the networks follows from these.

    The image is folded to 1/8, most work happens at 1/8 and 1/16, the latent y lives at 1/16 and
    the top latent h at 1/64. The local decoder (window_*, local_*, colour_*) works on pixels.
    """

    eighth_channels: int
    sixteenth_channels: int
    prior_channels: int
    latent_channels: int
    top_channels: int
    encoder_eighth_blocks: int
    encoder_sixteenth_blocks: int
    decoder_sixteenth_blocks: int
    decoder_eighth_blocks: int
    prior_blocks: int
    window_width: int
    window_height: int
    local_features: int
    local_channels: int
    local_layers: int
    colour_channels: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


ARCHITECTURES = {
    # About 30 kMAC per pixel for encoding and decoding together; trains on a CPU in hours.
    "small": Architecture(
        eighth_channels=160,
        sixteenth_channels=320,
        prior_channels=160,
        latent_channels=320,
        top_channels=16,
        encoder_eighth_blocks=3,
        encoder_sixteenth_blocks=1,
        decoder_sixteenth_blocks=2,
        decoder_eighth_blocks=4,
        prior_blocks=2,
        window_width=5,
        window_height=2,
        local_features=12,
        local_channels=128,
        local_layers=2,
        colour_channels=48,
    ),
    # About 100 kMAC per pixel; for a GPU.
    "medium": Architecture(
        eighth_channels=320,
        sixteenth_channels=448,
        prior_channels=256,
        latent_channels=448,
        top_channels=16,
        encoder_eighth_blocks=4,
        encoder_sixteenth_blocks=3,
        decoder_sixteenth_blocks=3,
        decoder_eighth_blocks=6,
        prior_blocks=2,
        window_width=5,
        window_height=2,
        local_features=12,
        local_channels=128,
        local_layers=2,
        colour_channels=48,
    ),
}
