"""The same work on a Ray cluster of two machines, both of them this one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

import vlaecodec
from tests.cli.test_shards import OTHERS, picture, read_shard, write_shard
from tests.conftest import photo, unavailable

ROOT = Path(__file__).parents[2]

CLUSTER = """
import sys
from ray.cluster_utils import Cluster
memory = 80 * 2**20
cluster = Cluster(True, head_node_args={"num_cpus": 1, "object_store_memory": memory})
cluster.add_node(num_cpus=1, object_store_memory=memory)
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Where the cluster is, for commands; it lives as long as a process that we can end."""
    if find_spec("ray") is None:
        unavailable("Ray is not installed: it is in the extra dev")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_gcs_server_port_wait_time_s": "300",  # a busy machine is no failure
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER], env=environment, text=True, cwd=ROOT, **pipes
    )
    with process:
        address = process.stdout.readline().strip()
        if not address:
            unavailable("Ray starts no cluster on this machine")
        yield environment | {"RAY_ADDRESS": address}
        process.stdin.close()
        process.wait()


def run(folder: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "vlaecodec", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def without_times(text: str) -> list[str]:
    """Words of a summary's lines in no order, without seconds and what depends on them."""
    lines = [line.split()[:-1] for line in text.splitlines() if "files/s" not in line]
    return sorted(" ".join(words) for words in lines)


def test_ray_does_the_same_as_processes_here(tmp_path, environment) -> None:
    for number in range(3):
        Image.fromarray(photo(24, 32, number)).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    write_shard(tmp_path / "photos.tar", {"s/0.png": picture(5), **OTHERS, "s/1.png": b"none"})
    command = ["encode", "-q", "30", "0.png", "1.png", "2.png", "bad.png", "gone.png", "photos.tar"]
    here = run(tmp_path, environment, *command, "-j1", "--output-dir", "here")
    there = run(tmp_path, environment, *command, "-j2", "--output-dir", "there", "--engine", "ray")
    assert there[0] == here[0] == 1
    assert without_times(there[1].replace("there/", "here/")) == without_times(here[1])
    assert "4 done, 3 failed" in there[1]
    names = sorted(p.name for p in (tmp_path / "there").iterdir())
    assert names == ["0.vlae", "1.vlae", "2.vlae", "photos.tar"]
    for name in names:
        there_bytes = (tmp_path / "there" / name).read_bytes()
        assert there_bytes == (tmp_path / "here" / name).read_bytes()
    assert list(read_shard(tmp_path / "there" / "photos.tar")) == ["s/0.vlae", *OTHERS]

    # Nothing is overwritten without -f, and no cluster is needed to find that out.
    nowhere = environment | {"RAY_ADDRESS": "192.0.2.1:1"}
    code, text = run(
        tmp_path, nowhere, "encode", "0.png", "--output-dir", "there", "--engine", "ray"
    )
    assert code == 1
    assert "there/0.vlae: exists already" in text


def test_a_picture_that_kills_its_process_costs_itself_only(tmp_path, environment) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEADLY],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["a:done", "b:died", "c:done"]


DEADLY = """
from pathlib import Path
from tests.cli.test_many import die_on_b
from vlaecodec.cli.batch import ray_engine
from vlaecodec.cli.batch.jobs import Job

names = ("a.jpg", "b.jpg", "c.jpg")
for name in names:
    Path(name).write_bytes(b"")
jobs = [Job(name, f"out/{name}.vlae") for name in names]
with ray_engine.silence_native_output():
    results = list(ray_engine.run(jobs, die_on_b, 1, force=False))
for result in sorted(results, key=lambda r: r.job.input):
    died = result.error is not None and "the process working on it died" in result.error
    print(result.job.input[0], "died" if died else result.error or "done", sep=":")
"""


DECODE = """
import sys
import ray.data, vlaecodec.ray
ray.init(log_to_driver=False)
files = ray.data.read_binary_files(sys.argv[1], file_extensions=["vlae"])
images = files.map_batches(vlaecodec.ray.Decode, concurrency=1)
print([row["image"].shape for row in images.take_all()])
"""


def test_a_column_of_files_is_decoded(tmp_path, environment) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.vlae").write_bytes(vlaecodec.encode(photo(24, 32)))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DECODE, str(tmp_path)],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str([(24, 32, 3)] * 2)
