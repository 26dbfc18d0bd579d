"""Long runs with reduced counts; VLAECODEC_SOAK=full takes 200 rounds a thread and 1,000 kills."""

import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import photo
from tests.robustness.test_processes import VLAECODEC, alive, descendants, hear_signals, wait_for
from vlaecodec import writing

FULL = os.environ.get("VLAECODEC_SOAK") == "full"
ROUNDS = 200 if FULL else 4
KILLS = 1000 if FULL else 12
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL)
MARGIN = 1.1
"""Of the seconds that a command takes: nearly all kills come before its own end."""

DECODE = """
import sys
from pathlib import Path
import numpy as np
import vlaecodec
for path in sorted(Path(sys.argv[1]).glob("*.vlae")):
    pixels = np.load(path.with_suffix(".npy"))
    assert np.array_equal(np.asarray(vlaecodec.decode(path.read_bytes())), pixels), path
    print(path.name)
"""


def plain_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("threads", [6, 8])
def test_no_thread_fails_where_a_program_lets_torch_round(tmp_path, threads) -> None:
    rounding = plain_environment() | {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}
    script = [sys.executable, "-m", "tests.robustness.soak", str(threads), str(ROUNDS)]
    ended = subprocess.run(
        [*script, str(tmp_path)], capture_output=True, text=True, env=rounding, check=False
    )
    assert ended.stdout.strip() == "failures 0", ended.stderr[-2000:]
    decode = [sys.executable, "-c", DECODE, str(tmp_path)]
    fresh = subprocess.run(
        decode, capture_output=True, text=True, env=plain_environment(), check=False
    )
    assert fresh.returncode == 0, fresh.stderr[-2000:]
    assert len(fresh.stdout.split()) == threads * min(ROUNDS, 8)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    for number in range(12):
        picture = folder / f"{number:02}.png"
        Image.fromarray(photo(16 + 4 * number, 40, seed=number)).save(picture)
    with tarfile.open(folder / "many.tar", "w") as tar:
        for picture in sorted(folder.glob("*.png")):
            tar.add(picture, picture.name)
    return folder


def arguments(kind: str, inputs: Path, output: Path) -> list[str]:
    if kind == "single":
        return ["encode", str(inputs / "11.png"), str(output / "11.vlae")]
    sources = (
        [str(inputs / "many.tar")]
        if kind == "shard"
        else sorted(str(path) for path in inputs.glob("*.png"))
    )
    return ["encode", "-j", "2", "--quiet", *sources, "--output-dir", str(output)]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="tells processes by /proc")
@pytest.mark.parametrize("kind", ["single", "batch", "shard"])
def test_kills_at_any_moment_leave_whole_files_alone(tmp_path, inputs, kind, monkeypatch) -> None:
    moments = random.Random(kind)
    whole = tmp_path / "whole"
    whole.mkdir()
    start = time.monotonic()
    subprocess.run(
        [*VLAECODEC, *arguments(kind, inputs, whole)], check=True, env=plain_environment()
    )
    longest_s = MARGIN * (time.monotonic() - start)
    monkeypatch.setattr(writing, "STALE_S", -1.0)
    for turn in range(-(-KILLS // 3)):
        output = tmp_path / str(turn)
        output.mkdir()
        parent = subprocess.Popen(
            [*VLAECODEC, *arguments(kind, inputs, output)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=hear_signals,
            env=plain_environment(),
        )
        time.sleep(moments.uniform(0, longest_s))
        workers = descendants(parent.pid)
        sent = moments.choice(SIGNALS)
        parent.send_signal(sent)
        try:
            assert wait_for(lambda p=parent: p.poll() is not None, 20)
            assert wait_for(lambda w=workers: not any(map(alive, w)), 20)
        finally:
            for process in filter(alive, workers):
                os.kill(process, signal.SIGKILL)
            if parent.poll() is None:
                parent.kill()
        if sent == signal.SIGKILL:  # nobody could clean up; the next run does
            writing.remove_stale(output)
        for path in output.iterdir():
            assert path.suffix in {".vlae", ".tar"}, path
            check_whole(path)
        print(kind, turn + 1, sent.name, len(list(output.iterdir())), flush=True)


def check_whole(path: Path) -> None:
    """A file that verifies by its end, or an archive that reads to its end."""
    from vlaecodec.bitstream.container import read_container

    if path.suffix == ".tar":
        with tarfile.open(path) as tar:
            assert len(tar.getmembers()) == 12
        return
    container = read_container(path.read_bytes())
    assert all(tile is not None for tile in container.latents)
