"""The rows of a table that stands in one JSON object: under a key, by columns as pandas writes them, or by images."""

from typing import Any

from train.data.formats.places import has_image_name


def rows_in(held: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows that an object holds; none where it is no table.

    `{"data": [{...}, ...]}` has them under a key; `{"image": [...], "text": [...]}`, and with `{"0": ..., "1": ...}` in
    place of each list, by columns; `{"a.png": {...}, ...}`, or with numbers, by what is called `name` then.
    """
    values = list(held.values())
    under = [value for value in values if isinstance(value, list) and value and all(map(_is_object, value))]
    if len(under) == 1:
        return list(under[0])
    if values and all(isinstance(value, list) for value in values) and len({*map(len, values)}) == 1:
        return [dict(zip(held, row, strict=True)) for row in zip(*values, strict=True)]
    if not values or not all(map(_is_object, values)):
        return []
    numbers = list(values[0])
    if numbers and all(list(value) == numbers for value in values) and all(map(str.isdecimal, numbers)):
        return [{name: column[number] for name, column in held.items()} for number in numbers]
    names_rows = all(map(str.isdecimal, held)) or all(map(has_image_name, held))
    return [{"name": name, **value} for name, value in held.items()] if names_rows else []


def _is_object(held: Any) -> bool:
    return isinstance(held, dict)
