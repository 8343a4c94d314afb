"""Which lines run together: only lines of the same padded width, so that no line's text depends on another."""

from collections.abc import Callable, Iterator, Sequence

Bucket = tuple[int, list[int]]


def buckets(
    widths_px: Sequence[int], bucket_width: Callable[[int], int], most: int, pixels: int
) -> Iterator[Bucket]:
    """Yield (padded width, indices of lines) until every line had its turn, narrow ones first.

    Args:
        widths_px: of the lines.
        bucket_width: padded width of a line, by its own width only.
        most: lines in one batch.
        pixels: columns of one batch, i.e. lines x padded width; a single line may be wider.
    """
    members: dict[int, list[int]] = {}
    for index, width in enumerate(widths_px):
        members.setdefault(bucket_width(width), []).append(index)
    for width in sorted(members):
        count = max(1, min(most, pixels // width))
        indices = members[width]
        for start in range(0, len(indices), count):
            yield width, indices[start : start + count]
