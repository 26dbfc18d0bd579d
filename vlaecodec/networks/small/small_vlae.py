"""A small VLAE: posterior, AF prior and causal decoder in one module."""

from __future__ import annotations

from torch import nn

from vlaecodec.networks.small.causal_decoder import BinaryDecoder
from vlaecodec.networks.small.colour_decoder import ColourDecoder
from vlaecodec.networks.small.flow import Flow
from vlaecodec.networks.small.passes_decoder import PassesDecoder
from vlaecodec.networks.small.posterior import Posterior
from vlaecodec.networks.small.preset import Preset


class SmallVLAE(nn.Module):
    """q(z | x), p(z) and p(x | z) (arXiv 1611.02731)."""

    def __init__(self, preset: Preset) -> None:
        super().__init__()
        self.preset = preset
        self.posterior = Posterior(preset)
        self.prior = Flow(preset) if preset.prior == "flow" else None
        # The inverse flow takes the posterior's means as what it is conditioned on.
        inverse = preset.posterior == "flow"
        self.posterior_flow = Flow(preset, preset.latent_channels) if inverse else None
        self.decoder = _decoder(preset)


def _decoder(preset: Preset) -> BinaryDecoder | ColourDecoder | PassesDecoder:
    if preset.decoder not in ("causal", "passes"):
        raise ValueError("a decoder is causal or passes")
    if preset.decoder == "passes":
        return PassesDecoder(preset)
    return BinaryDecoder(preset) if preset.colours == 1 else ColourDecoder(preset)
