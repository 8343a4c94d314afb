"""What the processor can do."""

import functools
import platform
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
X86 = ("x86_64", "amd64", "i386", "i686")


@functools.cache
def overflows_in_8_bits() -> bool:
    """Whether onnxruntime's product of uint8 and int8 may overflow: on x86 without VNNI, as far as is known."""
    if platform.machine().lower() not in X86:
        return False
    try:
        flags = CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return True
    return "avx512_vnni" not in flags and "avx_vnni" not in flags
