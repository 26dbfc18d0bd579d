"""Threads follow the machine; forks of a program that has used us work."""

import os
import threading
import time

import pytest
import torch

import vlaecodec
from tests.conftest import photo
from vlaecodec.errors import ParameterError
from vlaecodec.model import threads
from vlaecodec.model.defaults import own_defaults
from vlaecodec.model.threads import SMALL_PX, count_cores, working_threads

PIXELS = photo(24, 40)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def idle_machine(monkeypatch) -> None:
    monkeypatch.setattr(threads, "_count_idle", lambda: 8)
    monkeypatch.setattr(threads, "count_cores", lambda: 8)


def threads_within(pixels: int, asked: int | None = None) -> int:
    """Of ours, and of torch's where it computes for us."""
    with working_threads(pixels, asked) as ours:
        with own_defaults():
            assert torch.get_num_threads() == ours
        return ours


@pytest.mark.usefixtures("two_threads", "idle_machine")
def test_a_small_picture_takes_one_thread_and_a_large_one_those_that_torch_has() -> None:
    assert threads_within(SMALL_PX - 1) == 1
    assert threads_within(SMALL_PX) == 2
    assert threads_within(SMALL_PX - 1, asked=2) == 2
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("two_threads", "idle_machine")
def test_other_threads_of_the_program_keep_their_number() -> None:
    seen = []
    with working_threads(1), own_defaults():
        late = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
        late.start()
        late.join()
    assert seen == [2]


@pytest.mark.usefixtures("two_threads")
def test_a_busy_machine_gives_one_thread(monkeypatch, tmp_path) -> None:
    load = tmp_path / "loadavg"
    load.write_text(f"9.00 9.00 9.00 {3 * (os.cpu_count() or 1)}/500 1234\n")
    monkeypatch.setattr(threads, "_LOAD", load)
    assert threads_within(10 * SMALL_PX) == 1


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "max 100000"}, 64),
        ({"cpu.max": "350000 100000"}, 4),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 64),
        ({}, 64),
    ],
)
def test_the_quota_of_a_control_group_counts(monkeypatch, tmp_path, files, cores) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    monkeypatch.setattr(threads, "_CGROUPS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(64)))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert count_cores() == cores


def test_products_of_numpy_take_one_thread_until_the_last_is_done() -> None:
    pools = threads._small_products._pools()
    if not pools:
        pytest.skip("numpy has no OpenBLAS here")
    before = [pool.num_threads for pool in pools]
    for pool in pools:
        pool.set_num_threads(2)
    try:
        other = working_threads(1)
        with working_threads(1):
            other.__enter__()
        assert [pool.num_threads for pool in pools] == [1] * len(pools)
        other.__exit__(None, None, None)
        assert [pool.num_threads for pool in pools] == [2] * len(pools)
    finally:
        for pool, number in zip(pools, before, strict=True):
            pool.set_num_threads(number)


def test_products_take_one_thread_in_whichever_thread_of_the_program() -> None:
    """Those of a second one took all, spun, and cost ten times the CPU seconds."""
    pools = threads._small_products._pools()  # numpy's, and scipy's where a test loaded that
    before, seen = [pool.num_threads for pool in pools], []

    def look() -> None:
        with working_threads(100):
            seen.extend(pool.num_threads for pool in pools)

    try:
        for pool in pools:  # from now on threadpoolctl listens to this thread alone
            pool.set_num_threads(2)
        other = threading.Thread(target=look)
        other.start()
        other.join()
        assert seen == [1] * len(pools) != []
        assert [pool.num_threads for pool in pools] == [2] * len(pools)
    finally:
        for pool, number in zip(pools, before, strict=True):
            pool.set_num_threads(number)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True, "2"])
def test_threads_that_are_no_number_are_refused(threads) -> None:
    with pytest.raises(ParameterError, match="whole number from 1"):
        vlaecodec.encode(PIXELS, threads=threads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("asked", [None, 2])
def test_a_fork_of_a_program_that_has_used_us_decodes(asked) -> None:
    data = vlaecodec.encode(PIXELS, 30, threads=1)
    expected = vlaecodec.decode(data, threads=1).tobytes()
    torch.ones(2**22).sum()  # takes both of torch's threads: now there are two
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = vlaecodec.decode(data, threads=asked).tobytes() == expected
        finally:
            os._exit(not same)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            assert status == 0
            return
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    pytest.fail("the child waits for threads that are not there")
