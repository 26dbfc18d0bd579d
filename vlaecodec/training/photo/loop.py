"""The training loop: time-boxed, resumable, on a CPU or a GPU."""

from __future__ import annotations

import copy
import math
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from vlaecodec.networks.common.fixed_point import set_quantised
from vlaecodec.networks.common.ms_ssim import ms_ssim_loss
from vlaecodec.networks.common.ssimulacra2 import ssimulacra2_error
from vlaecodec.networks.photo.architecture import ARCHITECTURES, Architecture
from vlaecodec.networks.photo.photo_vlae import GlobalNetworks
from vlaecodec.networks.photo.rate_distortion import round_latents
from vlaecodec.training.checkpoint import (
    Progress,
    load_optimizer,
    load_weights,
    read_progress,
    save_checkpoint,
)
from vlaecodec.training.config import RunConfig, follow, learning_rate_at
from vlaecodec.training.descent import adam, descend, set_rate
from vlaecodec.training.photo.data import Crops, Photo, center_crops, read_photos
from vlaecodec.training.photo.device_crops import DeviceCrops
from vlaecodec.training.photo.export import import_model
from vlaecodec.training.photo.initialise import initialise_as_transform
from vlaecodec.training.photo.loss import Losses, Weights, forward_losses, objective, seam_error
from vlaecodec.training.photo.report import Report
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
    """Train until the time box is full, starting from the checkpoint if there is one.

    Writes the checkpoint at every validation and at the end.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    device = torch.device(config.device)
    photos = read_photos(config.train)
    model, average, optimizer, progress = _start(config, photos, device)
    torch.manual_seed(config.seed + progress.steps)
    seed = config.seed + progress.steps
    crops = _crops(config, photos, seed, device)
    validation = center_crops(read_photos(config.validation), 256)

    step = Replay(lambda drawn: _step(model, optimizer, drawn, config, device))
    begin, steps_before = time.monotonic(), progress.steps
    seconds_before, last_validation = progress.seconds, begin
    with Report(config.minutes * 60, config.report_seconds) as report:
        try:
            while (elapsed := time.monotonic() - begin) < config.minutes * 60:
                fraction = elapsed / (config.minutes * 60)
                rate = learning_rate_at(config, fraction, progress.steps - steps_before)
                set_rate(optimizer, rate)
                losses, loss = step(crops.draw())
                follow(average, model, progress.steps, AVERAGE_DECAY)
                progress.steps += 1
                progress.pixels += config.batch * config.crop**2
                progress.seconds = seconds_before + time.monotonic() - begin
                report.add(loss, losses, rate, progress)
                if time.monotonic() - last_validation > config.validation_minutes * 60:
                    _validate(average, validation, config, device, progress, report)
                    _save(config, model, average, optimizer, progress)
                    last_validation = time.monotonic()
            _validate(average, validation, config, device, progress, report)
        finally:
            # An interrupted run loses nothing but its last validation.
            _save(config, model, average, optimizer, progress)
    return progress


def _crops(
    config: TrainingConfig, photos: list[Photo], seed: int, device: torch.device
) -> Crops | DeviceCrops:
    drawn = draw_pictures(DRAWN_PICTURES, seed) if config.synthetic else []
    sizes = config.crop, config.batch, seed, config.rescale_part
    if config.crops_on_device:
        return DeviceCrops(photos, *sizes, device, drawn, config.synthetic)
    return Crops(photos, *sizes, drawn, config.synthetic)


def _save(
    config: TrainingConfig,
    model: GlobalNetworks,
    average: GlobalNetworks,
    optimizer: torch.optim.Adam,
    progress: Progress,
) -> None:
    sizes = model.arch.to_dict()
    save_checkpoint(config.checkpoint, model, average, optimizer, sizes, progress)


def _start(
    config: TrainingConfig, photos: list[Photo], device: torch.device
) -> tuple[GlobalNetworks, GlobalNetworks, torch.optim.Adam, Progress]:
    """The model in the checkpoint, else the exported one to start from, else a fresh one."""
    resume = config.checkpoint.exists()
    torch.manual_seed(config.seed)
    if resume:
        sizes, progress = read_progress(config.checkpoint)
        architecture = Architecture.from_dict(sizes)
        if architecture != config.architecture:
            raise ValueError(f"{config.checkpoint} is of another architecture")
    else:
        architecture, progress = config.architecture, Progress()
    model = GlobalNetworks(architecture)
    if not resume and config.start_from is not None:
        progress = import_model(config.start_from, model)
    elif not resume:
        initialise_as_transform(model, photos, config.seed)
    average = copy.deepcopy(model)
    if resume:
        load_weights(config.checkpoint, model, "model")
        load_weights(config.checkpoint, average, "average")
    for module in (model, average):
        module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.requires_grad_(False)
    set_quantised(model, config.quantised)
    set_quantised(average, config.quantised)
    optimizer = adam(model.parameters(), device)
    if resume:
        load_optimizer(config.checkpoint, model, optimizer)
    return model, average, optimizer, progress


def _step(
    model: GlobalNetworks,
    optimizer: torch.optim.Adam,
    crops: Tensor,
    config: TrainingConfig,
    device: torch.device,
) -> tuple[Losses, Tensor]:
    """One step on uint8 crops [B, 3, H, W]."""
    image = _to_network(crops, device)
    quality = _stratified(len(crops), device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.bf16):
        losses, mean_image = forward_losses(model, image, quality, quantised=config.quantised)
        if config.ms_ssim_part:
            losses.ms_ssim_loss = ms_ssim_loss(mean_image, image)
        if config.ssimulacra2_part:
            losses.ssimulacra2_error = ssimulacra2_error(mean_image, image)
        if config.seam_weight:
            losses.seam_error = seam_error(mean_image, image)
        loss = objective(losses, quality, config.weights)
    descend(optimizer, model, loss, GRADIENT_LIMIT)
    return losses, loss


def _to_network(image: Tensor, device: torch.device) -> Tensor:
    return image.to(device).float().contiguous(memory_format=torch.channels_last)


def _stratified(batch: int, device: torch.device) -> Tensor:
    """Quality positions [batch], one at random in each of `batch` equal parts of [0, 1]."""
    return (torch.arange(batch, device=device) + torch.rand(batch, device=device)) / batch


@torch.no_grad()
def _validate(
    model: GlobalNetworks,
    photos: Tensor,
    config: TrainingConfig,
    device: torch.device,
    progress: Progress,
    report: Report,
) -> None:
    """Add a point to the learning curve: the objective and its parts on the validation photos.

    Rates are those of rounded latents, as files hold them.
    """
    row: dict[str, float] = {"pixels": progress.pixels, "seconds": round(progress.seconds)}
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
                losses.seam_error = seam_error(mean_image, image)
                found["seam_error"].append(losses.seam_error)
            total += float(objective(losses, quality, config.weights)) * len(image) / len(photos)
        means = {name: float(torch.cat(values).mean()) for name, values in found.items()}
        means["ms_ssim_db"] = -10 * math.log10(means.pop("ms_ssim_loss"))
        row |= {f"{name}@{position}": round(value, 4) for name, value in means.items()}
    row["loss"] = round(total / len(VALIDATION_POSITIONS), 4)
    progress.curve.append(row)
    report.validation(row)


def _psnr_db(losses: Losses) -> Tensor:
    return 10 * torch.log10(255**2 / losses.mse)
