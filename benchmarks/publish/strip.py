"""README's pictures: a photo, and what AVIF and our default make of it in equal bytes.

bin/benchmark strip PHOTO --box 300,60,360,360 --bpp 0.15
"""

from __future__ import annotations

from pathlib import Path

import click
from PIL import Image, ImageDraw

import vlaecodec
from benchmarks.kit.pictures import open_picture
from benchmarks.kit.record import RESULTS
from vlaecodec.analysis.codecs import largest_within, list_rivals
from vlaecodec.cli.commands.decode import RegionType

STRIP = RESULTS / "sheets" / "strip.webp"
CAPTION_PX = 20
GAP_PX = 6


def draw_strip(photo: Image.Image, box: tuple[int, int, int, int], rate_bpp: float) -> Image.Image:
    """A part of the photo, of AVIF's largest file within a rate, of ours in no more bytes, and
    of that with texture as strong as the file recommends."""
    avif = list_rivals()["avif"]
    _, theirs = largest_within(avif, photo, int(rate_bpp * photo.width * photo.height / 8))
    data = vlaecodec.encode(photo, target_size=len(theirs), texture="auto")
    left, top, width, height = box
    columns = {
        "original": photo,
        f"AVIF, {len(theirs):,} bytes": avif.decode(theirs),
        f"vlaecodec, {len(data):,} bytes": vlaecodec.decode(data, texture=0),
        "the same, with its texture": vlaecodec.decode(data),
    }
    step = width + GAP_PX
    strip = Image.new("RGB", (step * len(columns) - GAP_PX, height + CAPTION_PX), "white")
    draw = ImageDraw.Draw(strip)
    for index, (caption, picture) in enumerate(columns.items()):
        part = picture.convert("RGB").crop((left, top, left + width, top + height))
        strip.paste(part, (index * step, CAPTION_PX))
        draw.text((index * step + 2, 3), caption, fill="black")
    return strip


@click.command()
@click.argument("photo", type=click.Path(exists=True, path_type=Path))
@click.option("--box", type=RegionType(), required=True, help="What is shown of it.")
@click.option("--bpp", default=0.15, show_default=True, help="At most.")
def main(photo: Path, box: tuple[int, int, int, int], bpp: float) -> None:
    """Draw the strip from PHOTO."""
    draw_strip(open_picture(photo), box, bpp).save(STRIP, lossless=True)


if __name__ == "__main__":
    main()
