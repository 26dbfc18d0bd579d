"""The photo VLAE: every network in one module.

Posterior, autoregressive prior and decoder of a Variational Lossy Autoencoder (arXiv 1611.02731).
"""

from __future__ import annotations

from torch import nn

from vlaecodec.networks.common.quality import QuantisationStep
from vlaecodec.networks.photo.analysis import AnalysisNetwork
from vlaecodec.networks.photo.architecture import PASSES, Architecture
from vlaecodec.networks.photo.local_decoder import LocalDecoder
from vlaecodec.networks.photo.prior import AnchorPrior, PassPrior, TopPosterior
from vlaecodec.networks.photo.synthesis import GlobalDecoder


class GlobalNetworks(nn.Module):
    """Analysis, q(h | y1), p(y1 | h), p(y2 | y1), quantisation steps and the global decoder."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.arch = arch
        self.analysis = AnalysisNetwork(arch)
        self.step = QuantisationStep(arch.latent_channels)
        self.posterior = TopPosterior(arch)
        self.anchor_prior = AnchorPrior(arch)
        self.pass_priors = nn.ModuleList(PassPrior(arch, k) for k in range(1, PASSES))
        self.decoder = GlobalDecoder(arch)


class PhotoVLAE(GlobalNetworks):
    """All of a model: also the local decoders, which are trained when the rest is."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__(arch)
        self.local = LocalDecoder(arch)
        self.texture = LocalDecoder(arch, drawing=True)
