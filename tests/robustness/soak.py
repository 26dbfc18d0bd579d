"""Threads in a program that lets torch round: run as a process of its own, with its environment.

Arguments: how many threads, how many rounds each, a folder to write to. Prints "failures N".
"""

import sys
import threading
from pathlib import Path

import numpy as np
import torch

import vlaecodec
from tests.conftest import photo


def main(threads: int, rounds: int, folder: Path) -> None:
    """Encode and decode in every thread; the last files and their pixels stay in the folder."""
    torch.set_float32_matmul_precision("medium")
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = True
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"
    torch.backends.mkldnn.conv.fp32_precision = "bf16"
    failures: list[str] = []

    def work(number: int) -> None:
        for turn in range(rounds):
            height, width = 64 + 16 * (number % 5), 64 + 16 * (turn % 5)
            pixels = photo(height, width, seed=1000 * number + turn)
            options = {"max_error": 0} if turn % 2 else {}
            try:
                data = vlaecodec.encode(pixels, only_nets=True, **options)
                decoded = np.asarray(vlaecodec.decode(data))
                if turn % 2 and not np.array_equal(decoded, pixels):
                    raise ValueError("other pixels than went in")
            except Exception as error:
                failures.append(repr(error))
                continue
            if turn >= rounds - 8:
                (folder / f"{number}-{turn}.vlae").write_bytes(data)
                np.save(folder / f"{number}-{turn}.npy", decoded)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print("failures", len(failures), *failures[:3])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
