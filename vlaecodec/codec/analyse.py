"""Run the analysis network on all tiles of a picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vlaecodec.bitstream.tiles import tiles_of
from vlaecodec.errors import MissingPackageError
from vlaecodec.latents.predictor import FloatLatent
from vlaecodec.model.frozen import PhotoModel
from vlaecodec.model.tiled import AnyPixels


def analyse_tiles(
    model: PhotoModel,
    pixels: AnyPixels,
    quality_code: int,
    after_tile: Callable[[], None] = lambda: None,
) -> Iterator[FloatLatent]:
    """Every tile's y, float32 [C, rows, columns], each when it is asked for.

    Raises MissingPackageError without torch.
    """
    analyse_tile = _load_analyser()
    for box in tiles_of(pixels.shape):
        yield analyse_tile(model, pixels, box, quality_code)
        after_tile()


def _load_analyser() -> Callable[..., FloatLatent]:
    """What turns pixels into latents: the one thing in coding photos that needs torch.

    Raises MissingPackageError where that is not installed.
    """
    try:
        from vlaecodec.model.analyser import analyse_tile
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingPackageError(
            "encoding photos needs torch, which is not installed: pip install 'vlaecodec[encode]'"
        ) from error
    return analyse_tile
