"""Messages: the library speaks of options by their Python names, the command line by its flags."""

import re

import pytest

from tests.unit.test_rooms import FILES
from vlaecodec.cli.reporting import describe_error
from vlaecodec.errors import DamagedError, ParameterError


@pytest.mark.parametrize(
    "path",
    [
        p
        for name, p in FILES.items()
        if not name.startswith(("vlaecodec.cli", "vlaecodec.training"))
    ],
    ids=lambda p: p.stem,
)
def test_the_library_names_no_flags(path) -> None:
    assert not re.search(r"""["' ]--[a-z][a-z-]+ (?!`)[a-z]""", path.read_text()), path


def test_the_command_line_names_its_flags() -> None:
    error = DamagedError("keep_going.vlae: the XMP is damaged; keep_going does without")
    shown = "keep_going.vlae: the XMP is damaged; --keep-going does without"
    assert describe_error(error) == shown
    error = ParameterError("target_size is for lossy files, not with lossless or max_error")
    assert (
        describe_error(error)
        == "--target-size is for lossy files, not with lossless or --max-error"
    )
    assert describe_error(ParameterError("my/max_error.png: none")) == "my/max_error.png: none"
