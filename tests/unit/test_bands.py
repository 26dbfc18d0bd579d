"""Work shared among threads."""

from __future__ import annotations

import threading

import pytest

from vlaecodec.frozen.bands import do_all, workers


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("jobs", [0, 1, 3, 400])
def test_every_job_is_done_once(count, jobs) -> None:
    done = []
    with workers(count):
        do_all(done.append, list(range(jobs)))
    assert sorted(done) == list(range(jobs))


def test_all_threads_take_part() -> None:
    """Each waits for the others in its first job."""
    meeting = threading.Barrier(3, timeout=30)
    with workers(3):
        do_all(lambda _: meeting.wait() and None, [0, 1, 2])


@pytest.mark.parametrize("bad", [0, 7, 99])
def test_an_error_is_raised_and_ends_the_work(bad) -> None:
    running, done = set(), []
    started = threading.Event()

    def work(job: int) -> None:
        running.add(job)
        if job == bad:
            started.set()
            raise ZeroDivisionError
        if job > bad:
            started.wait(30)
        running.discard(job)
        done.append(job)

    with workers(2), pytest.raises(ZeroDivisionError):
        do_all(work, list(range(100)))
    assert running == {bad}  # nothing goes on behind the caller's back
    assert len(done) <= bad + 20
    with workers(2):
        do_all(done.append, [1, 2])  # as usual


def test_work_within_work_is_not_shared_further() -> None:
    threads = set()

    def work(_: int) -> None:
        mine = threading.get_ident()
        do_all(lambda _: threads.add((mine, threading.get_ident())), list(range(20)))

    with workers(2):
        do_all(work, [0, 1])
    assert all(outer == inner for outer, inner in threads)
