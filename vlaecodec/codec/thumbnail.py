"""From a file to a small picture of it, without decoding the large one."""

from __future__ import annotations

from PIL import Image

from vlaecodec.binary.codec import decode_small
from vlaecodec.bitstream.container import Container, read_container
from vlaecodec.bitstream.header import MAX_PIXELS
from vlaecodec.bitstream.tiles import TILE_PX, boxes_of, pixel_window
from vlaecodec.codec import tiles as tile_coder
from vlaecodec.codec.progress import ProgressCallback, Stages
from vlaecodec.errors import ParameterError
from vlaecodec.model.frozen import PhotoModel, load_model
from vlaecodec.model.reduced import choose_factor, synthesise_small
from vlaecodec.model.registry import find_fingerprint
from vlaecodec.model.tiled import synthesise
from vlaecodec.picture.image import Picture, Pixels, to_grey, to_image
from vlaecodec.picture.metadata import Metadata
from vlaecodec.picture.sections import read_sections


def decode_thumbnail(
    data: bytes,
    size_px: int = 256,
    *,
    keep_going: bool = False,
    max_pixels: int = MAX_PIXELS,
    progress: ProgressCallback | None = None,
) -> Image.Image:
    """A small picture, its longer side size_px at most, without decoding the large one.

    Shows the mean image, without texture or exact pixels. Raises what `decode` raises.
    """
    if not isinstance(size_px, int) or size_px < 1:
        raise ParameterError(f"a thumbnail has a whole number of pixels, not {size_px!r}")
    container = read_container(data, max_pixels, keep_going=keep_going)
    header = container.header
    shape = (header.height, header.width, 3)
    factor = choose_factor(header.width, header.height, size_px)
    stages = Stages(progress, shape, with_pixels=False)
    entry = find_fingerprint(header.fingerprint)
    if entry.small:
        factor, small = 1, decode_small(container, 0.0, None, preview=True)
    else:
        model = load_model(entry)
        small = _decode_averages(model, container, factor, stages, keep_going=keep_going)
    alpha, metadata = read_sections(container, keep_going=keep_going)
    kept = Metadata(icc_profile=metadata.icc_profile)
    small = to_grey(small) if header.grey else small
    image = to_image(Picture(small, header.grey, None, kept, header.as_rgb))
    scale = min(1.0, size_px / max(header.width, header.height))
    size = (max(1, round(scale * header.width)), max(1, round(scale * header.height)))
    # The last row and column may reach over the picture's edge.
    covered = (0.0, 0.0, header.width / factor, header.height / factor)
    image = image.resize(size, Image.Resampling.LANCZOS, covered)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha).resize(size, Image.Resampling.BOX))
    stages.finish_one()
    return image


def _decode_averages(
    model: PhotoModel, container: Container, factor: int, stages: Stages, *, keep_going: bool
) -> Pixels:
    """Averages of the mean image, `factor` pixels a side; broken tiles are grey, with a warning."""
    header = container.header
    shape = (header.height, header.width, 3)
    latent, broken, _ = tile_coder.decode_latents(model, container, stages, keep_going=keep_going)
    boxes = list(boxes_of(shape))
    tile_coder.check_any(broken, range(len(boxes)))
    if factor == 1:
        small, _ = synthesise(model, latent, header.quality_code, shape)
    else:
        small = synthesise_small(model, latent, header.quality_code, shape, factor)
    for index in broken:
        rows, columns = pixel_window(boxes[index])
        small[rows.start // factor :, columns.start // factor :][
            : -(-(rows.stop - rows.start) // factor), : TILE_PX // factor
        ] = tile_coder.BROKEN_GREY
    tile_coder.warn_of_broken(len(broken), len(boxes))
    return small
