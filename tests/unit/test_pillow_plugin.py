import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

import vlaecodec
import vlaecodec.pillow_plugin
from tests.conftest import photo

PIXELS = photo(40, 64)


def test_save_and_open(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    Image.fromarray(PIXELS).save(path, quality=30)
    with Image.open(path) as image:
        assert (image.format, image.mode, image.size) == ("VLAE", "RGB", (64, 40))
        assert image.info["quality"] == 30
        assert image.get_format_mimetype() == "image/x-vlae"
        expected = vlaecodec.decode(path.read_bytes())
        assert np.array_equal(np.asarray(image), np.asarray(expected))


def test_quality_changes_the_size() -> None:
    sizes = []
    for quality in (10, 90):
        buffer = io.BytesIO()
        Image.fromarray(PIXELS).save(buffer, "VLAE", quality=quality)
        sizes.append(len(buffer.getvalue()))
    assert sizes[0] < sizes[1]


def test_damage_is_an_error_pillow_programs_expect() -> None:
    data = bytearray(vlaecodec.encode(PIXELS))
    data[-20] ^= 1
    with Image.open(io.BytesIO(bytes(data))) as image, pytest.raises(OSError, match="damaged"):
        image.load()
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data[:12])))


def test_opening_is_lazy(tmp_path) -> None:
    path = tmp_path / "photo.vlae"
    path.write_bytes(vlaecodec.encode(PIXELS))
    code = (
        "import sys, vlaecodec.pillow_plugin; from PIL import Image;"
        "image = Image.open(sys.argv[1]); assert image.size == (64, 40);"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(path)], check=True)
