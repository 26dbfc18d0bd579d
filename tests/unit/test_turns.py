"""Threads of a program take turns where cores are few."""

import threading
import time

import numpy as np

from vlaecodec.frozen.bands import do_all, in_groups, workers
from vlaecodec.model import turns
from vlaecodec.model.turns import Turns


def run(*targets) -> list[threading.Thread]:
    started = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in started:
        thread.start()
    return started


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def most_at_once(taker: Turns, threads: int) -> int:
    inside, most = [0], [0]
    lock = threading.Lock()

    def work() -> None:
        for _ in range(5):
            with taker.taken():
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.002)
                with lock:
                    inside[0] -= 1

    join(run(*[work] * threads))
    return most[0]


def test_as_many_compute_at_once_as_have_a_core() -> None:
    assert most_at_once(Turns(lambda _busy: False), 6) == 1
    assert most_at_once(Turns(lambda busy: busy < 2), 6) == 2


def test_a_turn_within_a_turn_does_not_wait() -> None:
    taker = Turns(lambda _busy: False)
    with taker.taken(), taker.taken():
        pass
    assert most_at_once(taker, 2) == 1


def test_a_long_piece_of_work_lets_others_in_between(monkeypatch) -> None:
    monkeypatch.setattr(turns, "TURN_CPU_S", 0.0)
    taker = Turns(lambda _busy: False)
    begun, is_done = threading.Event(), threading.Event()

    def compute() -> None:
        with taker.taken(), workers(1, taker.pass_on):
            deadline = time.monotonic() + 30
            while not is_done.is_set() and time.monotonic() < deadline:
                begun.set()
                do_all(lambda x: np.add(x, 1), [np.zeros(4)])

    def wait() -> None:
        begun.wait(30)
        with taker.taken():
            is_done.set()

    threads = run(compute, wait)
    assert is_done.wait(20)
    join(threads)


def test_who_waits_for_others_within_a_turn_does_not_hang_them(monkeypatch) -> None:
    """As a callback that waits for another thread's picture would."""
    monkeypatch.setattr(turns, "STALL_S", 0.05)
    monkeypatch.setattr(turns, "_LOOK_AGAIN_S", 0.01)
    taker = Turns(lambda _busy: False)
    is_done = threading.Event()

    def other() -> None:
        with taker.taken():
            is_done.set()

    with taker.taken():
        threads = run(other)
        assert is_done.wait(20)
    join(threads)


def test_a_fork_begins_anew() -> None:
    taker = Turns(lambda _busy: False)
    other = threading.Thread(target=taker.taken().__enter__)
    other.start()
    other.join()
    taker.forget()
    assert most_at_once(taker, 2) == 1
    with taker.taken():
        taker.forget()  # the thread that forks goes on
    assert most_at_once(taker, 2) == 1


def test_large_jobs_are_side_by_side_with_others_of_their_size_only() -> None:
    jobs = ["aa", "bb", "c", "dd", "e", "ff", "gg"]
    assert in_groups(jobs, len) == [[job] for job in sorted(jobs, key=len, reverse=True)]
    with workers(2):
        assert in_groups(jobs, len) == [["aa", "bb"], ["dd", "ff"], ["gg"], ["c", "e"]]
    with workers(5):
        assert all(len(group) == 1 for group in in_groups(jobs, len))
