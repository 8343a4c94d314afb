"""A configuration's file is read as it stands, or not at all."""

from pathlib import Path

import pytest

from train.config_file import load_config
from train.errors import UsageError


def test_a_setting_stands_once(tmp_path: Path) -> None:
    """Of two values the first was lost without a word."""
    path = tmp_path / "mine.yaml"
    path.write_text("epochs: 3\n")
    assert load_config(path).epochs == 3
    path.write_text("epochs: 3\nepochs: 5\n")
    with pytest.raises(UsageError, match=r"mine\.yaml: the key 'epochs' stands twice"):
        load_config(path)


def test_a_space_is_no_configuration(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("fixed: {epochs: 3}\nparameters: {model: {choice: [pp-ocrv6-tiny]}}\n")
    with pytest.raises(UsageError, match=r"python search/run\.py --space .*mine\.yaml"):
        load_config(path)
    path.write_text(f"epochs: [{'1, ' * 999}]\n")
    with pytest.raises(UsageError, match="epochs: Input should be a valid integer") as raised:
        load_config(path)
    assert len(str(raised.value)) < 300 + len(str(path))
