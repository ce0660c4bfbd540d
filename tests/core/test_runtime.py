"""Device, dtype, threads, ranks and keyed randomness."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from primer.core.errors import ConfigError
from primer.core.runtime import (
    Runtime,
    RuntimeConfig,
    choose_device,
    choose_dtype,
    cpu_flags,
    keyed_rng,
    machine,
    start_runtime,
    step_seed,
    usable_cores,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("flags", "dtype"),
    [
        ({"avx2", "avx512_bf16"}, torch.bfloat16), ({"amx_bf16"}, torch.bfloat16), ({"bf16"}, torch.bfloat16),
        ({"avx2", "avx512f"}, torch.float32), (set(), torch.float32),
    ],
)  # fmt: skip
def test_a_processor_gets_bfloat16_where_it_multiplies_it(flags: set[str], dtype: torch.dtype) -> None:
    chosen, reason = choose_dtype(CPU, flags)
    assert chosen == dtype
    assert "bfloat16" in reason or "bf16" in reason


def test_what_is_asked_for_is_taken_and_said() -> None:
    with start_runtime(RuntimeConfig(device="cpu", dtype="bfloat16", threads=1)) as runtime:
        assert (runtime.dtype, runtime.threads, runtime.is_main) == (torch.bfloat16, 1, True)
        assert runtime.describe() == "cpu, 1 threads, bfloat16 (as asked)"
        assert torch.get_num_threads() == 1
    with start_runtime(RuntimeConfig(device="cpu")) as runtime:
        assert runtime.threads == usable_cores()
        assert runtime.dtype == choose_dtype(CPU, cpu_flags())[0]
        assert runtime.reason in runtime.describe()


@pytest.mark.parametrize("device", ["cpuu", "tpu", "meta", "", "cuda:99"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(ConfigError, match=r"--device.*(Use|counted)"):
        choose_device(device, 0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_cuda_without_one() -> None:
    with pytest.raises(ConfigError, match=r"finds no CUDA device\. Use --device cpu"):
        choose_device("cuda", 0)


def test_threads_below_zero() -> None:
    with pytest.raises(ConfigError, match="--threads -1"), start_runtime(RuntimeConfig(device="cpu", threads=-1)):
        pass


def test_one_rank_sums_to_itself() -> None:
    runtime = Runtime(CPU, torch.float32, "")
    tensors = [torch.ones(2), torch.ones(3, dtype=torch.float64)]
    runtime.sum_many(tensors)
    runtime.barrier()
    assert runtime.sum_numbers([1.5, 2.0**53]) == [1.5, 2.0**53]
    assert [t.tolist() for t in tensors] == [[1, 1], [1, 1, 1]]
    assert runtime.peak_flops() is None


def test_a_generator_is_its_key() -> None:
    def draw(*key: int | str) -> list[int]:
        return list(keyed_rng(*key).integers(2**60, size=4))

    assert draw(1, 2, "a") == draw(1, 2, "a")
    keys: list[tuple[int | str, ...]] = [(1, 2, "a"), (2, 1, "a"), (1, 2, "b"), (1, 3, "a"), (2, 2, "a"), (1, 2)]
    assert len({tuple(draw(*key)) for key in keys}) == len(keys)
    assert isinstance(keyed_rng(0), np.random.Generator)


def test_a_steps_seed_is_a_function_of_step_rank_and_part() -> None:
    assert step_seed(5, 3, 0) == step_seed(5, 3, 0)
    assert (
        len({step_seed(5, 3, 0), step_seed(5, 4, 0), step_seed(5, 3, 1), step_seed(5, 3, 0, 1), step_seed(6, 3, 0)})
        == 5
    )


def test_the_machine_in_words() -> None:
    assert torch.__version__ in machine()


RANK = """
import time
from datetime import timedelta
from torch.distributed import distributed_c10d
from primer.core.runtime import RuntimeConfig, start_runtime
distributed_c10d.default_pg_timeout = timedelta(seconds=1)
with start_runtime(RuntimeConfig(device="cpu", threads=1)) as runtime:
    if runtime.is_main:
        time.sleep(3)
    runtime.barrier()
    assert runtime.sum_numbers([1.0]) == [2.0]
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="gloo over loopback is tested on Linux")
def test_ranks_wait_for_the_first_longer_than_pytorch_does() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    env = os.environ | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK], env=env | {"RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in ("0", "1")
    ]
    for rank in ranks:
        _, said = rank.communicate(timeout=120)
        assert rank.returncode == 0, said
