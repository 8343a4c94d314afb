"""Vehicle identification numbers: alphabet, check digit, and valid random ones."""

import numpy as np

ALPHABET = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
LENGTH = 17
FORMAT = 'pattern: "[A-HJ-NPR-Z0-9]{17}"\nchecks: [vin]\n'
"""What `format.yaml` says of them."""
CHECK_POSITION = 8  # counted from 0; the standard counts it as the ninth

# The standard leaves out I, O and Q; the year's code (position 10) also U, Z and 0.
_YEAR_CODES = "123456789ABCDEFGHJKLMNPRSTVWXY"
_CODES = (
    "1FT 1G1 1HG 2T1 3VW 4T1 5YJ JHM JTD KMH KNA LFV LVV MAL NMT SAL SB1 SJN TMB TRU U5Y VF1 VF3 VF7 "
    "VSS W0L WAU WBA WDB WDD WF0 WP0 WVG WVW X7L XTA XW8 XWE YS3 YV1 Z94 ZAR ZFA"
)
_MAKERS = _CODES.split()

# 49 CFR 565.15(c), tables III and IV; the same as ISO 3779's recommendation.
_VALUES = dict(zip("0123456789", range(10), strict=True)) | dict(
    zip("ABCDEFGHJKLMNPRSTUVWXYZ", map(int, "12345678123457923456789"), strict=True)
)
_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)


def check_digit(vin: str) -> str:
    """Return the check digit, 0-9 or X, of 17 characters of ALPHABET; the one at position 9 is ignored."""
    total = sum(weight * _VALUES[c] for weight, c in zip(_WEIGHTS, vin, strict=True))
    return "0123456789X"[total % 11]


def is_valid(vin: str) -> bool:
    """Whether `vin` has 17 characters of ALPHABET and the right check digit."""
    return len(vin) == LENGTH and set(vin) <= set(ALPHABET) and check_digit(vin) == vin[CHECK_POSITION]


def random_vin(rng: np.random.Generator) -> str:
    """Draw a valid number: a real maker, any model, and a serial number that ends in five digits."""

    def draw(alphabet: str, count: int) -> str:
        return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=count))

    maker = _MAKERS[rng.integers(len(_MAKERS))]
    model, year, plant = draw(ALPHABET, 5), draw(_YEAR_CODES, 1), draw(ALPHABET, 2)
    vin = f"{maker}{model}0{year}{plant}{draw('0123456789', 5)}"
    return vin[:CHECK_POSITION] + check_digit(vin) + vin[CHECK_POSITION + 1 :]
