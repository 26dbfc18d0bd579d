"""The sizes that tell one photo VLAE from another, and what all of them have in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

PASSES = 4
"""How many times y is gone over; see networks.photo.prior."""

ORDER = (0, 3, 1, 2)
"""Pass k codes at parity p the quarter p xor ORDER[k] of the channels."""

TOP_FACTOR = 4
"""Rows of y per row of h."""

LAMBDA_MIN = 0.0005
LAMBDA_MAX = 0.25
"""Bits per pixel per squared grey level, at quality 1 and at quality 100."""

GRAIN_UNITS = 64
"""Units of `texture_gain` and `texture_chroma` in 1."""

GRAIN_FLOOR_UNITS = 8
"""Units of `texture_floor` in a grey level."""

GRAIN_SIZES = {
    "texture_gain": (GRAIN_UNITS, 1, 255),
    "texture_chroma": (GRAIN_UNITS, 0, GRAIN_UNITS),
    "texture_floor": (GRAIN_FLOOR_UNITS, 0, 255),
}
"""What Grain is made of: units in 1, least and most."""

_CAUSAL_SIZES = {"window_width", "window_height", "colour_channels"}


@dataclass(frozen=True)
class LocalSizes:
    """Of one local decoder: of the networks that all its sub-grids have."""

    neighbours: int
    """How many pixels each pixel sees, at most."""
    features: int
    """Of a pixel, from the global decoder's trunk."""
    channels: int
    layers: int
    """Hidden layers after the first."""
    colour_channels: int


@dataclass(frozen=True)
class Grain:
    """How a texture decoder's draws are shown; see pixels.grain. Whole numbers."""

    gain: int
    """How many times as large as they are drawn, in 1 / GRAIN_UNITS."""
    chroma: int
    """Of their differences to their luma, what is left, in 1 / GRAIN_UNITS."""
    floor: int
    """A draw as large as this is shown at half its size, a much smaller one not at all; in
    1 / GRAIN_FLOOR_UNITS grey levels."""


@dataclass(frozen=True)
class Architecture:
    """Channel counts and depths. Everything else about the networks follows from these.

    The image is folded to 1/8, most work happens at 1/8 and 1/16, the latent y lives at 1/16 and
    the top latent h at 1/64. Two local decoders (local_*, texture_*) work on pixels.
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
    local_neighbours: int = 20
    local_features: int = 12
    local_channels: int = 128
    local_layers: int = 2
    local_colour_channels: int = 48
    texture_neighbours: int = 20
    texture_features: int = 12
    texture_channels: int = 128
    texture_layers: int = 2
    texture_colour_channels: int = 48
    texture_gain: int = GRAIN_UNITS
    texture_chroma: int = GRAIN_UNITS
    texture_floor: int = 0
    encoder_taps: int = 1
    """Along each side, of the analysis network's first layer."""
    lowest_rate_stretch: float = 1.0
    """How many times lower than LAMBDA_MIN lambda is at quality 1; see rate_weight."""

    def __post_init__(self) -> None:
        for name, (_, least, most) in GRAIN_SIZES.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}; {least} to {most} are possible")

    @property
    def local(self) -> LocalSizes:
        """Of the local decoder that codes exact pixels."""
        return self._sizes("local")

    @property
    def texture(self) -> LocalSizes:
        """Of the one that draws texture."""
        return self._sizes("texture")

    @property
    def grain(self) -> Grain:
        """How draws are shown."""
        return Grain(self.texture_gain, self.texture_chroma, self.texture_floor)

    def _sizes(self, name: str) -> LocalSizes:
        return LocalSizes(**{f.name: getattr(self, f"{name}_{f.name}") for f in fields(LocalSizes)})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, sizes: dict[str, Any]) -> Architecture:
        """The inverse of to_dict; sizes of the causal window that models once had are left out."""
        return cls(**{name: size for name, size in sizes.items() if name not in _CAUSAL_SIZES})


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
    ),
    # "small" grown where it costs decoders little, and pruned where blocks had died: 23 kMAC per
    # pixel for analysis, 27 for decoding, 57 for exact pixels, 20 for texture. The encoder sees
    # across the edges of its blocks.
    "photo": Architecture(
        eighth_channels=160,
        sixteenth_channels=320,
        prior_channels=160,
        latent_channels=320,
        top_channels=16,
        encoder_eighth_blocks=8,
        encoder_sixteenth_blocks=3,
        decoder_sixteenth_blocks=1,
        decoder_eighth_blocks=7,
        prior_blocks=4,
        local_channels=112,
        local_colour_channels=40,
        texture_channels=64,
        texture_colour_channels=32,
        encoder_taps=3,
        lowest_rate_stretch=12.0,
    ),
}
