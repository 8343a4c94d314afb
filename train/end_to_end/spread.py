"""Some of many, where all would take too long."""


def spread(count: int, most: int) -> list[int]:
    """Return the places of at most `most` of `count` things, at least one of any, evenly spread over all."""
    some = min(count, max(1, most))
    return [place * count // some for place in range(some)]
