"""Checks by name: vehicles, containers, cards, accounts, goods, books, passports; python-stdnum's for the rest."""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pkgutil import iter_modules

from train.errors import ModelError, UsageError
from train.reading.formats.checks import ALPHANUMERIC, DIGITS, LETTERS, ByLength, Check, Iban, WeightedCheck

STDNUM = "stdnum."
Holds = Callable[[str], bool]

_VIN = WeightedCheck(  # ISO 3779; 49 CFR 565.15(c), tables III and IV
    modulus=11,
    weights=(8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2),
    values=dict(zip(DIGITS, range(10), strict=True))
    | dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)),
    check_at=9,
    check_characters=tuple("0123456789X"),
)
_CONTAINER = WeightedCheck(  # ISO 6346: letters from 10 on without the multiples of 11
    modulus=11,
    weights=(*(2**place for place in range(10)), 0),
    values=dict(zip(DIGITS, range(10), strict=True))
    | dict(zip(LETTERS, (value for value in range(10, 39) if value % 11), strict=True)),
    check_at=11,
    check_characters=tuple("01234567890"),
    ignored=" ",
)
_LUHN = WeightedCheck(  # ISO/IEC 7812-1
    modulus=10, weights=(1, 2), repeat=True, cross_sum=True, values=dict(zip(DIGITS, range(10), strict=True)),
    ignored=" -",
)  # fmt: skip
_GTIN = _LUHN.model_copy(update={"weights": (1, 3), "cross_sum": False, "lengths": (8, 12, 13, 14)})
_ISBN_10 = WeightedCheck(
    modulus=11, weights=(*range(10, 1, -1), 0), values=dict(zip(DIGITS, range(10), strict=True)), check_at=10,
    check_characters=tuple("0X987654321"), ignored=" -",
)  # fmt: skip
_ABA = WeightedCheck(
    modulus=10, weights=(3, 7, 1) * 3, values=dict(zip(DIGITS, range(10), strict=True))
)  # the routing numbers of American banks


def _mrz(length: int, *fields: tuple[Sequence[tuple[int, int]], int]) -> tuple[Check, ...]:
    """Return the checks of a line of ICAO 9303: for each field its spans, from 1 to the last, and its check's place."""
    found = []
    for spans, check_at in fields:
        places = [place for first, last in spans for place in range(first, last + 1)]
        weights = dict(zip(places, (7, 3, 1) * len(places), strict=False))
        found.append(
            WeightedCheck(
                modulus=10,
                weights=tuple(weights.get(place, 0) for place in range(1, length + 1)),
                values=ALPHANUMERIC | {"<": 0},
                check_at=check_at,
                check_characters=("0<", *DIGITS[1:]),
            )
        )
    return tuple(found)


_NUMBER, _BORN, _EXPIRY = ([(1, 9)], 10), ([(14, 19)], 20), ([(22, 27)], 28)
CHECKS: dict[str, tuple[Check, ...]] = {
    "vin": (_VIN,),
    "container": (_CONTAINER,),
    "luhn": (_LUHN,),
    "iban": (Iban(),),
    "ean": (_GTIN.model_copy(update={"lengths": (8, 13)}),),
    "upc": (_GTIN.model_copy(update={"lengths": (12,)}),),
    "gtin": (_GTIN,),
    "isbn": (ByLength({10: _ISBN_10, 13: _GTIN}, ignored=" -"),),
    "aba": (_ABA,),
    "mrz_td3": _mrz(
        44, _NUMBER, _BORN, _EXPIRY, ([(29, 42)], 43), ([(1, 10), (14, 20), (22, 43)], 44)
    ),  # the second line of a passport
    "mrz_td2": _mrz(36, _NUMBER, _BORN, _EXPIRY, ([(1, 10), (14, 20), (22, 35)], 36)),
    "mrz_td1_first": _mrz(30, ([(6, 14)], 15)),
    "mrz_td1_second": _mrz(30, ([(1, 6)], 7), ([(9, 14)], 15)),
}
"""Checks by name, each of sums that must all hold."""


def named_check(name: str) -> tuple[Check, ...]:
    """Return the sums of a check; raise UsageError for a name that is none of CHECKS."""
    if name not in CHECKS:
        raise UsageError(
            "a check must be known", repr(name), f"choose from: {', '.join(CHECKS)}, or {STDNUM}NAME"
        )
    return CHECKS[name]


def holds_by(checks: Sequence[Check]) -> Holds:
    """Return whether a text obeys all of some sums."""
    return partial(_obeys, tuple(checks))


def _obeys(checks: Sequence[Check], text: str) -> bool:
    return all(check.holds(text) for check in checks)


def stdnum_check(name: str) -> Holds:
    """Return `is_valid` of a module of python-stdnum, named as `stdnum.de.idnr`.

    Raises:
        ModelError: if python-stdnum is not installed.
        UsageError: if it has no such module.
    """
    try:
        parent = import_module(name.rpartition(".")[0])
        found: Holds = import_module(name).is_valid
    except ModuleNotFoundError as error:
        if error.name == "stdnum":
            raise ModelError(
                "python-stdnum must be installed for this check", name, "pip install -e '.[formats]'"
            ) from error
        raise UsageError(
            "a check must be a module of python-stdnum", name, "look it up in its documentation"
        ) from error
    except AttributeError as error:
        within = ", ".join(f"{name}.{module.name}" for module in iter_modules(parent.__path__))
        raise UsageError("a check must be a module with is_valid", name, f"choose from: {within}") from error
    return found
