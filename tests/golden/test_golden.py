"""Files written once decode to the same pixels for ever, on every machine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import vlaecodec
from tests.exactness import digests_of
from tests.golden import regenerate
from vlaecodec.errors import VlaeError

HERE = Path(__file__).parent
DIGESTS: dict[str, str] = json.loads((HERE / "decode" / "digests.json").read_text())


@pytest.mark.parametrize("name", sorted({key.split(":")[0] for key in DIGESTS}))
def test_golden_files_decode_to_the_same_pixels(name) -> None:
    found = digests_of(name, (HERE / "decode" / name).read_bytes())
    assert found == {key: d for key, d in DIGESTS.items() if key.split(":")[0] == name}


def test_the_example_in_the_format_document_is_this_very_file() -> None:
    text = regenerate.FORMAT.read_text()
    assert regenerate.insert_example(text) == text


@pytest.mark.parametrize("path", sorted((HERE / "errors").iterdir()), ids=lambda p: p.stem)
def test_broken_files_raise_the_right_error(path) -> None:
    with pytest.raises(VlaeError) as caught:
        vlaecodec.decode(path.read_bytes())
    assert caught.value.exit_code == int(path.stem.split(".")[1])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kernel", ["", "Haswell", "Nehalem"])
@pytest.mark.parametrize(("threads", "block_px"), [(1, 2048), (2, 64)])
def test_every_machine_setting_decodes_the_same(kernel, threads, block_px) -> None:
    """A fresh process each: whole and in small blocks, and products as other processors have them.

    OpenBLAS takes another path for each: with fused multiply-adds or without.
    """
    command = [sys.executable, "-m", "tests.exactness", str(threads), str(block_px)]
    settings = os.environ | ({"OPENBLAS_CORETYPE": kernel} if kernel else {})
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=HERE.parents[1], env=settings
    ).stdout
    assert dict(line.split() for line in output.splitlines()) == DIGESTS
