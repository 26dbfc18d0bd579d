"""Many files in one call."""

import io
import json
import os
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.commands import run
from tests.conftest import photo


@pytest.fixture
def album(tmp_path) -> Path:
    """Three pictures, one of them below a folder, and a file that is none."""
    folder = tmp_path / "album"
    (folder / "inner").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.jpg", "inner/c.webp")):
        Image.fromarray(photo(24, 32, number)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize("jobs", [1, 2])
def test_one_bad_file_does_not_stop_the_rest(album, tmp_path, jobs) -> None:
    (album / "bad.png").write_bytes(b"not a picture")
    done = run("encode", "-r", album, "--output-dir", tmp_path / "out", "-j", jobs)
    assert done.exit_code == 1
    assert names(tmp_path / "out") == ["a.vlae", "b.vlae", "inner/c.vlae"]
    assert f"{album / 'bad.png'}: not an image" in done.stderr
    assert "3 done, 1 failed" in done.stderr
    assert max(len(line) for line in done.stderr.splitlines() if "vlaecodec:" not in line) <= 80


def test_a_folder_comes_back(album, tmp_path) -> None:
    small, back = tmp_path / "small", tmp_path / "back"
    assert run("encode", "-r", album, "-j1", "--output-dir", small, "-q", 20).exit_code == 0
    done = run("decode", "-r", small, "-j1", "--output-dir", back, "--format", "webp")
    assert done.exit_code == 0, done.output
    assert names(back) == ["a.webp", "b.webp", "inner/c.webp"]
    with Image.open(back / "inner/c.webp") as image:
        assert image.size == (32, 24)


def test_one_damaged_file_does_not_stop_decoding(album, tmp_path) -> None:
    small, back = tmp_path / "small", tmp_path / "back"
    run("encode", "-r", album, "-j1", "--output-dir", small)
    (small / "a.vlae").write_bytes((small / "a.vlae").read_bytes()[:-3])
    done = run("decode", "-r", small, "-j1", "--output-dir", back)
    assert done.exit_code == 1
    assert names(back) == ["b.png", "inner/c.png"]
    assert f"{small / 'a.vlae'}: tile 1 of 1" in done.stderr


def test_files_go_to_a_folder_that_o_names(album, tmp_path) -> None:
    done = run("encode", album / "a.png", album / "b.jpg", "-j1", "-o", tmp_path, "--quiet")
    assert done.exit_code == 0
    assert done.output == ""
    assert (tmp_path / "a.vlae").is_file()
    assert (tmp_path / "b.vlae").is_file()
    # One file too, so that a pattern that matches one file means the same.
    assert run("encode", "-f", album / "a.png", "-o", tmp_path).exit_code == 0


def test_nothing_is_overwritten_without_force(album, tmp_path) -> None:
    precious = tmp_path / "a.vlae"
    precious.write_bytes(b"precious")
    arguments = ["encode", "-r", album, "-j1", "--output-dir", tmp_path]
    done = run(*arguments)
    assert done.exit_code == 1
    assert "a.vlae: exists already; give -f" in done.stderr
    assert precious.read_bytes() == b"precious"
    assert (tmp_path / "b.vlae").is_file()
    assert run(*arguments, "-f").exit_code == 0
    assert precious.read_bytes() != b"precious"


def test_a_dry_run_writes_nothing(album, tmp_path) -> None:
    out = tmp_path / "out"
    done = run("encode", "-r", album, "--output-dir", out, "--dry-run")
    assert done.exit_code == 0
    assert f"{album / 'a.png'} -> {out / 'a.vlae'}" in done.stdout
    assert len(done.stdout.splitlines()) == 3
    assert not out.exists()
    out.mkdir()
    (out / "b.vlae").write_bytes(b"here")
    done = run("encode", "-r", album, album / "gone.png", "--output-dir", out, "--dry-run")
    assert done.exit_code == 1
    assert "b.vlae: exists already" in done.stderr
    assert "gone.png: No such file" in done.stderr
    assert run("encode", album / "a.png", "--dry-run").stdout.endswith("a.vlae\n")
    assert not (album / "a.vlae").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png", "b.jpg"], "2 inputs need --output-dir"),
        (["a.png", "b.jpg", "inner/c.webp"], "3 inputs need --output-dir"),
        (["a.png", "b.jpg", "-o", "c.vlae"], "2 inputs need --output-dir"),
        (["a.png", "-o", "c.vlae", "--output-dir", "d"], "not both"),
        (["a.png", "-r", "-o", "b.vlae"], "-r is for many files"),
        (["inner", "--output-dir", "d"], "give -r"),
        (["-", "--output-dir", "d"], "standard input"),
    ],
)
def test_command_lines_that_mean_nothing(album, monkeypatch, arguments, message) -> None:
    monkeypatch.chdir(album)
    done = run("encode", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert not list(album.rglob("*.vlae"))


def test_without_a_folder_files_go_beside_their_originals(album) -> None:
    before = sum(
        p.stat().st_size for p in album.rglob("*") if p.suffix in (".png", ".jpg", ".webp")
    )
    done = run("encode", "-r", album)
    assert done.exit_code == 0, done.stderr
    made = sorted(p.relative_to(album).as_posix() for p in album.rglob("*.vlae"))
    assert made == ["a.vlae", "b.vlae", "inner/c.vlae"]
    after = sum(p.stat().st_size for p in album.rglob("*.vlae"))
    assert f"{before} bytes became {after}: {1 - after / before:.0%} saved" in done.stderr
    again = run("encode", "-r", album)
    assert again.exit_code == 1
    assert "exists already" in again.stderr
    originals = {p: p.read_bytes() for p in album.rglob("*.png")}
    assert run("decode", "-r", album).exit_code == 1  # a.png is there and stays
    assert originals == {p: p.read_bytes() for p in originals}
    assert (album / "b.png").exists()


def test_a_folder_without_pictures(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("encode", "-r", tmp_path / "empty", "--output-dir", tmp_path / "out")
    assert done.exit_code == 2
    assert "nothing to do" in done.stderr


def test_two_arguments_are_input_and_output(album, monkeypatch) -> None:
    monkeypatch.chdir(album)
    assert run("encode", "a.png", "new.vlae").exit_code == 0
    assert run("encode", "b.jpg", "new.vlae").exit_code == 6
    assert run("encode", "-f", "b.jpg", "new.vlae").exit_code == 0
    assert run("encode", "b.jpg", "odd.name").exit_code == 0
    assert json.loads(run("info", "--json", "odd.name").stdout)["width"] == 32


def test_a_process_that_dies_takes_only_its_own_file(album, tmp_path, monkeypatch) -> None:
    from vlaecodec.cli.batch import local_engine
    from vlaecodec.cli.batch.jobs import Job

    jobs = [
        Job(str(album / name), str(tmp_path / f"{n}"))
        for n, name in enumerate(("a.png", "b.jpg", "inner/c.webp"))
    ]
    monkeypatch.setattr(local_engine, "_begin_worker", print)  # needs no torch
    results = list(local_engine.run_pool(jobs, die_on_b, 2, force=False))
    errors = {Path(r.job.input).name: r.error for r in results}
    assert errors.keys() == {"a.png", "b.jpg", "c.webp"}
    assert errors["a.png"] is None
    assert errors["c.webp"] is None
    assert len(results) == 3
    assert "b.jpg: the process working on it died" in errors["b.jpg"]


@pytest.mark.parametrize(
    ("cores", "processes", "asked", "threads"),
    [(8, 2, None, 4), (8, 3, None, 2), (2, 4, None, 1), (8, 2, "1", 1), (8, 2, "6", 4)],
)
def test_processes_share_out_the_cores(monkeypatch, cores, processes, asked, threads) -> None:
    from vlaecodec.cli.batch import local_engine

    monkeypatch.setattr(local_engine, "count_cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert local_engine.threads_each(processes) == threads


def test_a_worker_has_the_threads_that_it_is_given() -> None:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    from vlaecodec.cli.batch import local_engine

    context = multiprocessing.get_context("spawn")
    begin = partial(local_engine._begin_worker, 1, os.getpid())
    with ProcessPoolExecutor(1, context, begin) as pool:
        # torch's; a matrix product of numpy's would have started as many more.
        assert pool.submit(count_threads).result() == (1, 0)


def count_threads() -> tuple[int, int]:
    import numpy as np
    import torch

    before = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    matrix = np.ones((600, 600))
    matrix @ matrix
    torch.ones(600, 600) @ torch.ones(600, 600)
    return torch.get_num_threads(), len(os.listdir("/proc/self/task")) - before  # noqa: PTH208


def die_on_b(job, *, force):  # a worker's work must be importable
    from vlaecodec.cli.batch.jobs import Outcome
    from vlaecodec.cli.files import write_output

    marker = Path(job.output).with_name("c died")
    if job.input.endswith("b.jpg"):
        wait_for(marker)  # so that c dies beside it, not alone
        os._exit(9)
    write_output(job.output, b"done", force=force)
    if job.input.endswith("c.webp") and not marker.exists():  # dies when its output is there
        marker.write_bytes(b"")
        os._exit(9)
    return Outcome(1, 1, 1, 0.1)


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_no_job_is_lost_when_the_pool_breaks_between_two(monkeypatch, tmp_path) -> None:
    from concurrent.futures import Future
    from concurrent.futures.process import BrokenProcessPool

    from vlaecodec.cli.batch import local_engine
    from vlaecodec.cli.batch.jobs import Job

    class Pool:
        """Its first one does a job and breaks before the second."""

        made = 0

        def __init__(self, *_args) -> None:
            Pool.made += 1
            self.left = 1 if Pool.made == 1 else 99

        def submit(self, function, *args, **kwargs):
            if not self.left:
                raise BrokenProcessPool
            self.left -= 1
            future = Future()
            future.set_result(function(*args, **kwargs))
            return future

        def shutdown(self, **_kwargs) -> None:
            pass

    monkeypatch.setattr(local_engine, "ProcessPoolExecutor", Pool)
    jobs = []
    for name in "acd":
        (tmp_path / name).write_bytes(b"")
        jobs.append(Job(str(tmp_path / name), str(tmp_path / f"{name}.out")))
    results = list(local_engine.run_pool(jobs, die_on_b, 2, force=False))
    assert sorted(result.job.input for result in results) == [job.input for job in jobs]
    assert [result.error for result in results] == [None, None, None]


def test_the_total_bar_shows_files_speed_and_time_left(monkeypatch) -> None:
    from rich.console import Console

    from vlaecodec.cli import progress

    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=80)
    )
    with progress.total_bar("encoding", 3, 300, quiet=False) as advance:
        advance(100, 2_000_000)
        advance(100, 2_000_000)
    text = screen.getvalue()
    assert "encoding 2/3" in text
    assert "MP/s" in text
