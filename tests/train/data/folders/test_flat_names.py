"""Names of files that come from many folders into one."""

from pathlib import Path

from train.data.folders.flat_names import FlatNames


def test_names_that_are_made_longer_are_still_names_of_files(tmp_path: Path) -> None:
    """A name may have 255 bytes: a page's number behind one, or what keeps two apart, has no room there."""
    names, long = FlatNames(), "ü" * 125
    taken = [names.take(f"{long}{end}") for end in (".png", ".png", "_page1.png", "_page2.png", ".PNG")]
    assert len({name.casefold() for name in taken}) == len(taken)
    assert taken[0] == f"{long}.png"
    for name in taken:
        (tmp_path / name).write_bytes(b"")
        assert name.lower().endswith(".png")
