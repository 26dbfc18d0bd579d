"""Twelve drawings, screens, icons and mixed pages, made in code: nobody's pictures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

PHOTOS = Path(__file__).parents[1] / "data" / "regression"
TEXT = (
    "the picture is cut into tiles and each of them is coded alone so that damage stays where it "
    "happened while colours and light go on across all borders without a seam to be seen"
)
WORDS = TEXT.split()
INK, PAPER, BLUE, ORANGE = (34, 34, 40), (255, 255, 255), (40, 90, 200), (240, 140, 30)
_SMOOTHING = 4
"""Lines are drawn so many times larger, and made smaller again."""

Colour = tuple[int, int, int]


def text_page() -> Image.Image:
    """Black text on white in two sizes."""
    page = Image.new("RGB", (480, 360), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((24, 16), "On coding pictures", INK, ImageFont.load_default(26))
    _write(draw, (24, 60, 456, 350), INK, 13)
    return page


def code_editor() -> Image.Image:
    """Coloured text on a dark ground, with line numbers and a selected line."""
    screen = Image.new("RGB", (520, 360), (30, 31, 38))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 96, 520, 112), (50, 54, 68))
    colours = [(198, 120, 221), (97, 175, 239), (152, 195, 121), (171, 178, 191)]
    for line in range(20):
        top, left = 16 + 16 * line, 50 + 20 * (line % 4)
        draw.text((14, top), str(line + 1), (92, 99, 112), ImageFont.load_default(12))
        for index in range(3 + line % 4):
            word = WORDS[(5 * line + index) % len(WORDS)]
            draw.text((left, top), word, colours[(line + index) % 4], ImageFont.load_default(12))
            left += 8 * len(word) + 8
    return screen


def dialog() -> Image.Image:
    """A window with a shadow, buttons and a list."""
    screen = Image.new("RGB", (480, 320), (70, 110, 140))
    shadow = Image.new("L", screen.size)
    ImageDraw.Draw(shadow).rounded_rectangle((52, 44, 432, 288), 10, fill=150)
    shadow = shadow.filter(ImageFilter.GaussianBlur(8))
    screen.paste((0, 0, 0), mask=shadow)
    draw = ImageDraw.Draw(screen)
    draw.rounded_rectangle((48, 36, 428, 280), 8, fill=(245, 245, 247), outline=(160, 160, 166))
    draw.rectangle((48, 44, 428, 66), (225, 226, 230))
    draw.text((60, 48), "Preferences", INK, ImageFont.load_default(14))
    for row in range(6):
        top = 80 + 24 * row
        draw.rectangle((64, top, 300, top + 20), PAPER if row % 2 else (232, 240, 252))
        draw.rectangle(
            (70, top + 4, 82, top + 16), outline=INK, fill=BLUE if row in (1, 4) else None
        )
        draw.text(
            (92, top + 3), " ".join(WORDS[3 * row : 3 * row + 4]), INK, ImageFont.load_default(12)
        )
    for left, label in ((250, "Cancel"), (340, "Save")):
        draw.rounded_rectangle(
            (left, 244, left + 78, 270), 6, fill=BLUE if label == "Save" else PAPER, outline=BLUE
        )
        draw.text(
            (left + 18, 249), label, PAPER if label == "Save" else BLUE, ImageFont.load_default(13)
        )
    return screen


def pixel_art() -> Image.Image:
    """A figure of 32 x 32 pixels in twelve colours, enlarged six times."""
    rng = np.random.default_rng(3)
    palette = rng.integers(30, 250, (12, 3))
    half = rng.integers(0, 12, (32, 16))
    rows, columns = np.indices(half.shape)
    half[(rows - 16) ** 2 + (columns - 15) ** 2 > 200] = 0
    sprite = np.concatenate([half, half[:, ::-1]], 1)
    return Image.fromarray(palette[sprite].astype(np.uint8)).resize(
        (192, 192), Image.Resampling.NEAREST
    )


def line_art() -> Image.Image:
    """Thin smooth curves on white."""
    return _smooth((400, 400), PAPER, _draw_curves)


def chart() -> Image.Image:
    """Axes, a grid, three curves and a legend."""

    def draw_curves(draw: ImageDraw.ImageDraw, scale: int) -> None:
        for x in range(60, 461, 50):
            draw.line((x * scale, 30 * scale, x * scale, 270 * scale), (220, 220, 220), scale)
        for y in range(30, 271, 40):
            draw.line((60 * scale, y * scale, 460 * scale, y * scale), (220, 220, 220), scale)
        for index, colour in enumerate((BLUE, ORANGE, (40, 150, 70))):
            points = [
                (
                    scale * x,
                    scale * (250 - (30 + 20 * index) * math.log1p((x - 59) / (9 + 8 * index))),
                )
                for x in range(60, 461, 4)
            ]
            draw.line(points, colour, 2 * scale, joint="curve")
        draw.rectangle([scale * v for v in (60, 30, 460, 270)], outline=INK, width=scale)

    picture = _smooth((480, 320), PAPER, draw_curves)
    draw = ImageDraw.Draw(picture)
    for x in range(60, 461, 50):
        draw.text((x - 8, 276), f"{x / 250:.1f}", INK, ImageFont.load_default(11))
    for index, name in enumerate(("first", "second", "third")):
        draw.text((80, 40 + 16 * index), name, INK, ImageFont.load_default(12))
    return picture


def city_map() -> Image.Image:
    """Areas, streets and a river in flat colours with smooth edges."""

    def draw_map(draw: ImageDraw.ImageDraw, scale: int) -> None:
        rng = np.random.default_rng(11)
        for _ in range(26):
            x, y, w, h = rng.integers(0, 400), rng.integers(0, 320), *rng.integers(20, 90, 2)
            colour = [(232, 228, 216), (200, 226, 190), (214, 208, 200)][rng.integers(3)]
            draw.rectangle([int(scale * v) for v in (x, y, x + w, y + h)], fill=colour)
        river = [(scale * x, scale * (120 + 60 * math.sin(x / 70))) for x in range(-20, 460, 10)]
        draw.line(river, (150, 190, 225), 22 * scale, joint="curve")
        for index in range(9):
            start, end = (
                (scale * 52 * index, 0),
                (scale * (52 * index - 90 + 40 * (index % 4)), scale * 340),
            )
            draw.line((start, end), (190, 190, 190), 7 * scale)
            draw.line((start, end), PAPER, 5 * scale)

    picture = _smooth((420, 320), (240, 238, 230), draw_map)
    draw = ImageDraw.Draw(picture)
    for index, word in enumerate(WORDS[:14]):
        draw.text(
            (20 + 97 * index % 360, 12 + 71 * index % 290),
            word.title(),
            (80, 80, 90),
            ImageFont.load_default(11),
        )
    return picture


def icon() -> Image.Image:
    """A shaded button of 128 pixels a side."""
    rows, columns = np.indices((512, 512)) / 511
    shade = np.stack([60 + 60 * rows, 120 + 80 * (1 - rows), 220 - 60 * columns], 2)
    face = Image.fromarray(shade.astype(np.uint8))
    mask = Image.new("L", face.size)
    ImageDraw.Draw(mask).rounded_rectangle((16, 16, 496, 496), 110, fill=255)
    picture = Image.new("RGB", face.size, PAPER)
    picture.paste(face, mask=mask)
    draw = ImageDraw.Draw(picture)
    draw.polygon([(190, 130), (190, 382), (390, 256)], fill=PAPER)
    return picture.resize((128, 128), Image.Resampling.LANCZOS)


def slide() -> Image.Image:
    """Text and boxes on a ground that changes smoothly."""
    rows, columns = np.indices((320, 480))
    ground = np.stack([20 + columns / 12, 30 + rows / 8, 80 + (rows + columns) / 10], 2)
    picture = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    draw.text((36, 30), "What the latent tells", PAPER, ImageFont.load_default(30))
    for index in range(4):
        top = 100 + 48 * index
        draw.rounded_rectangle((36, top, 300, top + 36), 8, fill=(250, 250, 250))
        draw.text(
            (50, top + 9),
            " ".join(WORDS[5 * index : 5 * index + 5]),
            INK,
            ImageFont.load_default(14),
        )
    draw.ellipse((340, 120, 450, 230), fill=ORANGE)
    return picture


def cartoon() -> Image.Image:
    """Flat areas with dark outlines and soft shading."""

    def draw_face(draw: ImageDraw.ImageDraw, scale: int) -> None:
        for box, colour in (
            ((60, 40, 300, 320), (250, 214, 170)),
            ((110, 130, 150, 180), PAPER),
            ((210, 130, 250, 180), PAPER),
            ((125, 145, 140, 165), INK),
            ((225, 145, 240, 165), INK),
            ((140, 230, 220, 270), (200, 60, 70)),
        ):
            draw.ellipse([scale * v for v in box], fill=colour, outline=INK, width=3 * scale)

    flat = _smooth((360, 360), (150, 205, 235), draw_face)
    rows, columns = np.indices((360, 360))
    shade = 1 - 0.25 * np.clip((rows + columns) / 720, 0, 1)[..., None]
    return Image.fromarray(np.clip(np.asarray(flat) * shade, 0, 255).astype(np.uint8))


def page_with_photo() -> Image.Image:
    """Text on white around two photos."""
    page = text_page()
    draw = ImageDraw.Draw(page)
    draw.rectangle((240, 60, 480, 360), PAPER)
    page.paste(_photo("kodim23-crop"), (256, 64))
    page.paste(_photo("kodim05-crop"), (256, 208))
    draw.text((256, 194), "Birds", INK, ImageFont.load_default(12))
    draw.text((256, 338), "Motorcycles", INK, ImageFont.load_default(12))
    return page


def gallery() -> Image.Image:
    """A dark window with a bar of icons and four photos."""
    screen = Image.new("RGB", (448, 352), (24, 26, 30))
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, 448, 40), (52, 55, 62))
    draw.text((16, 11), "Library", (230, 230, 235), ImageFont.load_default(16))
    for index in range(5):
        left = 250 + 36 * index
        draw.ellipse((left, 9, left + 22, 31), fill=[BLUE, ORANGE, (60, 170, 90)][index % 3])
    for index, name in enumerate(("kodim01-crop", "kodim08-crop", "kodim15-crop", "kodim19-crop")):
        screen.paste(_photo(name), (21 + 214 * (index % 2), 56 + 148 * (index // 2)))
    return screen


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "text page": text_page,
    "code editor": code_editor,
    "dialog": dialog,
    "pixel art": pixel_art,
    "line art": line_art,
    "chart": chart,
    "map": city_map,
    "icon": icon,
    "slide": slide,
    "cartoon": cartoon,
    "page with photos": page_with_photo,
    "gallery": gallery,
}


def _write(
    draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], ink: Colour, size: int
) -> None:
    """Fill a box with words."""
    font = ImageFont.load_default(size)
    left, top, index = float(box[0]), box[1], 0
    while top + size <= box[3]:
        word = WORDS[index % len(WORDS)] + " "
        if left + draw.textlength(word, font) > box[2]:
            left, top = float(box[0]), top + size + 5
            continue
        draw.text((left, top), word, ink, font)
        left, index = left + draw.textlength(word, font), index + 1


def _smooth(
    size: tuple[int, int], ground: Colour, paint: Callable[[ImageDraw.ImageDraw, int], None]
) -> Image.Image:
    """What is painted at a larger scale, with smooth edges."""
    large = Image.new("RGB", (size[0] * _SMOOTHING, size[1] * _SMOOTHING), ground)
    paint(ImageDraw.Draw(large), _SMOOTHING)
    return large.resize(size, Image.Resampling.BOX)


def _draw_curves(draw: ImageDraw.ImageDraw, scale: int) -> None:
    for index in range(14):
        points = [
            (
                scale * (200 + (40 + 11 * index) * math.cos(t / 40 + index / 3)),
                scale * (200 + (40 + 11 * index) * math.sin(t / 40 * (1 + index % 3) + index)),
            )
            for t in range(252)
        ]
        draw.line(points, INK, scale + scale * (index % 2), joint="curve")


def _photo(name: str) -> Image.Image:
    with Image.open(PHOTOS / f"{name}.webp") as photo:
        return photo.convert("RGB")
