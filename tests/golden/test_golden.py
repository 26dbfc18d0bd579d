"""Files written once decode to the same pixels for ever, on every machine."""

import json
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


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mkldnn", [1, 0])
@pytest.mark.parametrize("block_px", [2048, 64])
def test_every_machine_setting_decodes_the_same(threads, mkldnn, block_px) -> None:
    """A fresh process each: threads 1 and 2, mkldnn on and off, whole and in small blocks."""
    command = [sys.executable, "-m", "tests.exactness", str(threads), str(mkldnn), str(block_px)]
    output = subprocess.run(
        command, check=True, capture_output=True, text=True, cwd=HERE.parents[1]
    ).stdout
    assert dict(line.split() for line in output.splitlines()) == DIGESTS
