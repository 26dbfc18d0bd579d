"""Whatever ends a command, it ends soon and whole: no worker, no part of a file, nothing left."""

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import photo

if not Path("/proc/self/stat").exists():
    pytest.skip("tells processes by /proc", allow_module_level=True)

VLAECODEC = [sys.executable, "-m", "vlaecodec"]
END_S = 20.0
"""On a quiet machine two are enough; a busy one is no failure."""


def alive(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def descendants(process: int) -> list[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [process]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def wait_for(condition, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return met


@pytest.fixture(scope="module")
def shard(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shard")
    path = folder / "many.tar"
    with tarfile.open(path, "w") as tar:
        for number in range(600):
            picture = folder / f"{number:02}.png"
            Image.fromarray(photo(64, 64, seed=number)).save(picture)
            tar.add(picture, picture.name)
    return path


def hear_signals() -> None:
    """Also where the tests themselves run under nohup or in the background, which ignore some."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL"])
def test_a_signal_ends_all_workers_and_leaves_nothing(tmp_path, shard, name) -> None:
    output = tmp_path / "out"
    command = [*VLAECODEC, "encode", "-j", "2", "--quiet", str(shard), "--output-dir", str(output)]
    parent = subprocess.Popen(
        command, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=hear_signals
    )
    assert wait_for(lambda: any(output.glob(".vlaecodec-*/*.vlae")), 120)
    workers = descendants(parent.pid)
    assert len(workers) >= 2
    parent.send_signal(getattr(signal, name))
    try:
        assert wait_for(lambda: parent.poll() is not None, END_S)
        assert wait_for(lambda: not any(map(alive, workers)), END_S)
        assert parent.returncode != 0
        assert list(output.iterdir()) == []
    finally:
        for process in filter(alive, workers):
            os.kill(process, signal.SIGKILL)
        if parent.poll() is None:
            parent.kill()
        parent.communicate()


@pytest.mark.parametrize("stream", ["1>&-", "2>&-", "0<&-", "2>/dev/full"])
def test_closed_streams_do_not_stop_what_is_written_to_a_file(tmp_path, stream) -> None:
    Image.fromarray(photo(16, 24)).save(tmp_path / "p.png")
    script = f'exec "$@" {stream}'
    command = ["sh", "-c", script, "sh", *VLAECODEC, "encode", "p.png", "p.vlae"]
    # With buffers, as users have them: what is left in one is flushed again at exit.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, env=env | {"PYTHONPATH": str(Path.cwd())}
    )
    assert ended.returncode == 0
    assert (tmp_path / "p.vlae").read_bytes()[1:4] == b"VLA"


@pytest.mark.parametrize("stream", ["1>&-", "1>/dev/full"])
@pytest.mark.parametrize("arguments", [["models"], ["--help"], ["completion", "bash"]])
def test_what_cannot_be_printed_is_one_line_and_an_exit_code(stream, arguments) -> None:
    command = ["sh", "-c", f'exec "$@" {stream}', "sh", *VLAECODEC, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 6
    assert ended.stderr.startswith("vlaecodec: standard output: ")
    assert ended.stderr.count("\n") == 1


def test_names_with_brackets_and_control_characters_do_not_end_a_batch(tmp_path) -> None:
    folder = tmp_path / "in" / "x["
    folder.mkdir(parents=True)
    for name in ("y].png", "[red]z.png", "a\x1b]0;owned\x07.png"):
        Image.fromarray(photo(16, 24)).save(folder / name)
    Image.fromarray(photo(16, 24)).save(tmp_path / "in" / "x[" / "[]y.png")
    command = [*VLAECODEC, "encode", "-j", "1", "-r", "in", "--output-dir", "out"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert ended.returncode == 0
    assert "4 done, 0 failed" in ended.stderr
    assert "\x1b" not in ended.stderr
    assert "[red]z.vlae" in ended.stderr


@pytest.mark.parametrize("limit_mb", [300, 400, 500, 700])
def test_too_little_memory_for_the_libraries_is_one_line(tmp_path, limit_mb) -> None:
    resource = pytest.importorskip("resource")
    Image.fromarray(photo(64, 64)).save(tmp_path / "photo.png")
    done = subprocess.run(
        [sys.executable, "-m", "vlaecodec", "encode", str(tmp_path / "photo.png")],
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit_mb * 10**6,) * 2),
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "memory" in done.stderr.lower()  # ours, or that of the library which gave up
    assert not (tmp_path / "photo.vlae").exists()
