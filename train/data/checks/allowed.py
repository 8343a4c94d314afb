"""How many samples may be left out, wherever their faults are found, and the messages on those that are."""

from collections.abc import Mapping, Sequence

from train.data.texts.forms import escaped
from train.errors import DataError

LISTED = 20


def require_few(faults: Sequence[str], allow_bad: int) -> None:
    """Raise DataError, with a list, if more samples have errors than may be left out; a line of `faults` a sample."""
    if len(faults) > allow_bad:
        raise DataError(
            f"at most {allow_bad} samples may have errors",
            "\n".join([f"{len(faults)}:", *(f"  {fault}" for fault in faults[:LISTED])]),
            "mend them (python -m train.data.check lists all), or allow that many to be left out (--allow-bad)",
        )


def require_some(counts: Mapping[str, int]) -> None:
    """Raise DataError for splits of which nothing is left."""
    if emptied := [name for name, count in counts.items() if not count]:
        raise DataError(
            "each split must hold usable samples", f"none in {', '.join(emptied)}", "mend its labels"
        )


def describe_left_out(left_out: Mapping[str, str]) -> str:
    """Say how many samples are left out, and name the first of them: source -> rule and value."""
    first = "; ".join(escaped(f"{source}, {why}") for source, why in list(left_out.items())[:3])
    return f"left out: {len(left_out)} bad samples: {first}{'; ...' if len(left_out) > 3 else ''}"
