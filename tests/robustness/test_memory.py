"""What large pictures may take before a network has seen them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vlaecodec
from tests.conftest import photo
from vlaecodec.bitstream.container import read_container
from vlaecodec.bitstream.header import Section
from vlaecodec.codec import photo as photo_codec
from vlaecodec.codec import strips
from vlaecodec.picture import vp8l

SIDE_PX = 4000
BYTES_PER_PIXEL = 17
"""Pillow's image has four, its samples and alpha another four; the rest is for bands of rows."""

PACKED_BYTES_PER_PIXEL = 11
"""Pillow's image and the samples are not there at the same time."""

TO_PICTURE = """
import sys
from pathlib import Path
from PIL import Image
from vlaecodec.picture import samples
from vlaecodec.picture.image import to_picture
def peak_kib():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
side, close = int(sys.argv[1]), sys.argv[2] == "close"
samples.PACKED_PX = 2**20
to_picture(Image.new("RGBA", (64, 64), (1, 2, 3, 0)))
before = peak_kib()
image = Image.new("RGBA", (side, side), (200, 30, 90, 0))
image.paste((10, 200, 90, 255), (0, 0, side // 3, side // 3))
picture = to_picture(image, close=close)
assert tuple(picture.pixels[-1, -1]) == (10, 200, 90)
print(1024 * (peak_kib() - before) / side**2)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc")
@pytest.mark.parametrize(
    ("way", "most"), [("keep", BYTES_PER_PIXEL), ("close", PACKED_BYTES_PER_PIXEL)]
)
def test_a_picture_is_not_copied_more_than_once(way, most) -> None:
    command = [sys.executable, "-c", TO_PICTURE, str(SIDE_PX), way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < most


def test_a_huge_picture_is_never_shown_whole(monkeypatch) -> None:
    """Not even if it looks as if it had been decoded before."""

    def refuse(*_args: object, **_options: object) -> None:
        raise AssertionError("shown whole")

    monkeypatch.setattr(photo_codec.StepDistances, "look_decoded", lambda _: True)
    monkeypatch.setattr(photo_codec, "find_again", refuse)
    pixels = photo(32, 48)
    with pytest.raises(AssertionError, match="whole"):
        vlaecodec.encode(pixels, only_nets=True)
    monkeypatch.setattr(strips, "HUGE_PX", 32 * 48 - 1)
    assert vlaecodec.encode(pixels, only_nets=True)


def test_libwebp_never_sees_a_large_lossy_picture(monkeypatch) -> None:
    """It takes 8 bytes a pixel for itself; with the networks, exact pixels would take more."""
    height, width = 64, 96
    picture = Image.new("RGBA", (width, height), (200, 30, 90, 255))
    picture.paste((10, 200, 90, 0), (0, 0, 20, 20))
    monkeypatch.setattr(vp8l, "LIGHT_PX", height * width)
    assert read_container(vlaecodec.encode(picture)).header.webp
    monkeypatch.setattr(vp8l, "LIGHT_PX", height * width - 1)
    assert read_container(vlaecodec.encode(picture, lossless=True)).header.webp
    drawn = read_container(vlaecodec.encode(picture))
    assert not drawn.header.webp
    alpha = drawn.sections[Section.ALPHA]
    assert alpha is not None
    assert alpha.startswith(b"\x89PNG")
    assert set(drawn.sections) == {Section.ALPHA}
    decoded = np.asarray(vlaecodec.decode(vlaecodec.encode(picture)))
    assert np.array_equal(decoded[..., 3], np.asarray(picture)[..., 3])
