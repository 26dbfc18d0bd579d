"""Training the global networks of a photo model, on a CPU or a GPU."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vlaecodec.networks.common.ms_ssim import ms_ssim_loss
from vlaecodec.networks.common.ssimulacra2 import ssimulacra2_error
from vlaecodec.networks.photo.architecture import ARCHITECTURES, Architecture
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import add_noise, round_latents
from vlaecodec.training.checkpoint import Progress, read_progress
from vlaecodec.training.config import RunConfig
from vlaecodec.training.descent import Descent
from vlaecodec.training.loop import Run
from vlaecodec.training.photo.data import Crops, Photo, center_crops, read_photos
from vlaecodec.training.photo.device_crops import DeviceCrops
from vlaecodec.training.photo.export import import_model
from vlaecodec.training.photo.initialise import initialise_as_transform
from vlaecodec.training.photo.loss import Losses, Weights, forward_losses, objective, step_errors
from vlaecodec.training.photo.synthetic import draw_pictures
from vlaecodec.training.replay import Replay

VALIDATION_POSITIONS = (0.1, 0.3, 0.5, 0.7, 0.9)
DRAWN_PICTURES = 200
AVERAGE_DECAY = 0.999
GRADIENT_LIMIT = 20.0


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(RunConfig):
    """What `bin/train run` can be told."""

    train: list[Path]
    validation: list[Path]
    start_from: Path | None = None
    architecture: Architecture = ARCHITECTURES["small"]
    crop: int = 192
    batch: int = 6
    learning_rate: float = 1e-3
    coarse_weight: float = 0.0
    ms_ssim_part: float = 0.0
    ssimulacra2_part: float = 0.0
    seam_weight: float = 0.0
    crops_on_device: bool = False
    rescale_part: float = 0.0
    synthetic: float = 0.0
    decoder_only: bool = False
    validation_minutes: float = 10.0

    @property
    def weights(self) -> Weights:
        """What the objective's distortion is made of."""
        return Weights(
            self.coarse_weight,
            self.ms_ssim_part,
            self.ssimulacra2_part,
            self.seam_weight,
            self.architecture.lowest_rate_stretch,
        )


def train(config: TrainingConfig) -> Progress:
    """Train until the time box is full, starting from the checkpoint if there is one."""
    config.limit_threads()
    device = torch.device(config.device)
    photos = read_photos(config.train)
    run = _start(config, photos)
    crops = _crops(config, photos, run.seed, device)
    validation = center_crops(read_photos(config.validation), 256)
    step = Replay(lambda drawn: _step(run.network, run.descent, drawn, config))
    return run.train(
        lambda _: step(crops.draw()),
        lambda: _validate(run.average, validation, config),
        pixels=config.batch * config.crop**2,
    )


def _crops(
    config: TrainingConfig, photos: list[Photo], seed: int, device: torch.device
) -> Crops | DeviceCrops:
    drawn = draw_pictures(DRAWN_PICTURES, seed) if config.synthetic else []
    sizes = config.crop, config.batch, seed, config.rescale_part
    if config.crops_on_device:
        return DeviceCrops(photos, *sizes, device, drawn, config.synthetic)
    return Crops(photos, *sizes, drawn, config.synthetic)


def _start(config: TrainingConfig, photos: list[Photo]) -> Run[GlobalNetworks]:
    """The model in the checkpoint, else the exported one to start from, else a fresh one."""
    torch.manual_seed(config.seed)
    model, progress, resume = GlobalNetworks(config.architecture), Progress(), None
    if config.checkpoint.exists():
        resume = config.checkpoint
        sizes, progress = read_progress(resume)
        if Architecture.from_dict(sizes) != config.architecture:
            raise ValueError(f"{resume} is of another architecture")
    elif config.start_from is not None:
        progress = import_model(config.start_from, model)
    else:
        initialise_as_transform(model, photos, config.seed)
    if config.decoder_only:
        model.requires_grad_(False)
        model.decoder.requires_grad_(True)
    sizes = model.arch.to_dict()
    return Run(config, model, sizes, progress, decay=AVERAGE_DECAY, resume=resume)


def _step(
    model: GlobalNetworks, descent: Descent, crops: Tensor, config: TrainingConfig
) -> dict[str, Tensor]:
    """One step on uint8 crops [B, 3, H, W]."""
    device = torch.device(config.device)
    image = _to_network(crops, device)
    quality = _stratified(len(crops), device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.bf16):
        rounding = round_latents if config.decoder_only else add_noise
        losses, mean_image = forward_losses(
            model, image, quality, rounding, quantised=config.quantised
        )
        if config.ms_ssim_part:
            losses.ms_ssim_loss = ms_ssim_loss(mean_image, image)
        if config.ssimulacra2_part:
            losses.ssimulacra2_error = ssimulacra2_error(mean_image, image)
        if config.seam_weight:
            losses.step_error, losses.step_spread = step_errors(mean_image, image)
        loss = objective(losses, quality, config.weights)
    descent.descend(loss, GRADIENT_LIMIT)
    return {
        "loss": loss,
        "bpp": losses.rate_bpp.mean(),
        "top_bpp": losses.top_bpp.mean(),
        "psnr_db": _psnr_db(losses).mean(),
    }


def _to_network(image: Tensor, device: torch.device) -> Tensor:
    return image.to(device).float().contiguous(memory_format=torch.channels_last)


def _stratified(batch: int, device: torch.device) -> Tensor:
    """Quality positions [batch], one at random in each of `batch` equal parts of [0, 1]."""
    return (torch.arange(batch, device=device) + torch.rand(batch, device=device)) / batch


def _validate(model: GlobalNetworks, photos: Tensor, config: TrainingConfig) -> dict[str, float]:
    """The objective and its parts on the validation photos.

    Rates are those of rounded latents, as files hold them.
    """
    device = torch.device(config.device)
    row: dict[str, float] = {}
    total = 0.0
    for position in VALIDATION_POSITIONS:
        found: dict[str, list[Tensor]] = defaultdict(list)
        for image in photos.split(8):
            quality = torch.full((len(image),), position, device=device)
            image = _to_network(image, device)
            losses, mean_image = forward_losses(
                model, image, quality, round_latents, quantised=config.quantised
            )
            found["bpp"].append(losses.rate_bpp)
            found["psnr_db"].append(_psnr_db(losses))
            losses.ms_ssim_loss = ms_ssim_loss(mean_image, image)
            found["ms_ssim_loss"].append(losses.ms_ssim_loss)
            if config.ssimulacra2_part:
                losses.ssimulacra2_error = ssimulacra2_error(mean_image, image)
                found["ssimulacra2_error"].append(losses.ssimulacra2_error)
            if config.seam_weight:
                losses.step_error, losses.step_spread = step_errors(mean_image, image)
                found["step_error"].append(losses.step_error)
                found["step_spread"].append(losses.step_spread)
            total += float(objective(losses, quality, config.weights)) * len(image) / len(photos)
        means = {name: float(torch.cat(values).mean()) for name, values in found.items()}
        means["ms_ssim_db"] = -10 * math.log10(means.pop("ms_ssim_loss"))
        row |= {f"{name}@{position}": round(value, 4) for name, value in means.items()}
    row["loss"] = round(total / len(VALIDATION_POSITIONS), 4)
    return row


def _psnr_db(losses: Losses) -> Tensor:
    return 10 * torch.log10(255**2 / losses.mse)
