"""No small forged file takes much more than a plain file of its size."""

from pathlib import Path

import pytest

import vlaecodec
from tests.conftest import photo
from tests.robustness.attacks import SIZE, make_attacks, measure

MEMORY_MB, CPU_S = 300, 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads peak memory from /proc")
def test_no_attack_takes_much_memory_or_time(tmp_path: Path) -> None:
    data = vlaecodec.encode(photo(*SIZE), texture=0)
    plain, attack = tmp_path / "plain.vlae", tmp_path / "attack.vlae"
    plain.write_bytes(data)
    for name, (forged, keep_going) in make_attacks(data).items():
        attack.write_bytes(forged)
        memory_mb, seconds, result = measure(plain, attack, keep_going=keep_going)
        assert float(memory_mb) < MEMORY_MB, (name, result)
        assert float(seconds) < CPU_S, (name, result)
