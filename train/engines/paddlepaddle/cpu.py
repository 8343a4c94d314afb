"""What Paddle's CPU libraries must be told before they are loaded.

Paddle's wheel brings an MKL that looks at the processor's maker, not at what it can do: on AMD it takes its
slowest code, and a training step takes several times as long (benchmarks/results/mkl_path.json).
MKL_DEBUG_CPU_TYPE names the code path: 7 is AVX-512, 5 is AVX2.
"""

import os
import warnings
from pathlib import Path

AVX512, AVX2 = "7", "5"


def mkl_path(cpuinfo: str) -> str | None:
    """Return the value of MKL_DEBUG_CPU_TYPE for a /proc/cpuinfo; None to leave MKL to itself."""
    if "AuthenticAMD" not in cpuinfo:
        return None
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "").split()
    if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= set(flags):
        return AVX512
    return AVX2 if "avx2" in flags else None


def prepare() -> None:
    """Set the environment for the `import paddle` that follows; what the user has set stays."""
    warnings.filterwarnings("ignore", "No ccache found")  # nothing is compiled here
    os.environ.setdefault("FLAGS_use_onednn", "1")  # depthwise convolutions train faster
    cpuinfo = Path("/proc/cpuinfo")
    path = mkl_path(cpuinfo.read_text(encoding="utf-8")) if cpuinfo.exists() else None
    if path:
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", path)
