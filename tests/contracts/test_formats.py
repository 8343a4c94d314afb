"""What every registered data format must do; a new one needs an entry in EXAMPLES."""

from pathlib import Path

import pytest

from tests.contracts.format_examples import EXAMPLES, LABELS, TEXTS, WITHOUT_TEXT, task_of, write_image
from train.data.formats import FORMATS, names_of
from train.data.formats.loading import load
from train.errors import DataError, UsageError

BY_IMAGES = ("filename", "image_json")
"""Formats whose samples are the images that are there."""


@pytest.fixture(params=FORMATS.names())
def example(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, dict[str, str]]:
    assert request.param in EXAMPLES, "a new format needs a writer in EXAMPLES"
    write, options = EXAMPLES[request.param]
    labels = [(f"{i}.png", text) for i, text in enumerate(TEXTS)]
    for i, (name, _) in enumerate(labels):
        write_image(tmp_path / name, i)
    write(tmp_path, labels)
    return request.param, tmp_path, options


def test_detection_finds_exactly_this_format(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, options = example
    found, splits = load(folder, options, tasks=(task_of(name),))
    assert (found, list(splits)) == (name, ["all"])


def test_what_was_found_can_be_named_itself(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, _ = example
    [path] = FORMATS.get(name).find(folder).values()
    assert FORMATS.get(name).find(path) == {"all": path}


def test_texts_come_as_labelled_with_absolute_paths_and_sources(
    example: tuple[str, Path, dict[str, str]],
) -> None:
    name, folder, options = example
    samples = load(folder, options, name, (task_of(name),))[1]["all"]
    texts = [""] * len(TEXTS) if name in WITHOUT_TEXT else TEXTS
    assert sorted(s.text for s in samples) == sorted(map(LABELS[task_of(name)], texts))
    assert all(s.path.is_absolute() and s.path.is_file() for s in samples)
    assert all(s.source.rpartition(":")[2].isdigit() for s in samples)
    assert len({s.source for s in samples}) == len(samples)  # by it a sample is known


def test_a_missing_image_is_one_bad_sample(example: tuple[str, Path, dict[str, str]]) -> None:
    """None where images stand for themselves; never the end of the set, nor another sample's image."""
    name, folder, options = example
    samples = load(folder, options, name, (task_of(name),))[1]["all"]
    if not samples[1].path.is_relative_to(folder):  # it lies inside of another file
        return
    samples[1].path.unlink()
    after = load(folder, options, name, (task_of(name),))[1]["all"]
    there = [sample.path for sample in after if sample.path.exists()]
    assert sorted(there) == sorted(sample.path for sample in samples if sample is not samples[1])
    assert len(after) - len(there) == (0 if name in BY_IMAGES else 1)


def test_reading_twice_gives_the_same(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, options = example
    tasks = (task_of(name),)
    assert load(folder, options, name, tasks) == load(folder, options, name, tasks)


def test_options_have_defaults(example: tuple[str, Path, dict[str, str]]) -> None:
    name, folder, _ = example
    tasks = (task_of(name),)
    assert load(folder, {}, name, tasks) == load(folder, dict(FORMATS.get(name).options), name, tasks)


@pytest.mark.parametrize("name", FORMATS.names())
def test_nothing_is_found_in_an_empty_folder(name: str, tmp_path: Path) -> None:
    assert FORMATS.get(name).find(tmp_path) == {}
    with pytest.raises(DataError, match=name):
        load(tmp_path, name=name, tasks=[FORMATS.get(name).task])


@pytest.mark.parametrize("name", FORMATS.names())
def test_explicit_options_exist(name: str) -> None:
    assert FORMATS.get(name).explicit <= FORMATS.get(name).options.keys()


@pytest.mark.parametrize("name", FORMATS.names())
def test_another_tasks_format_is_refused(name: str, tmp_path: Path) -> None:
    assert name in names_of(task_of(name))
    with pytest.raises(UsageError, match=name):
        load(tmp_path, name=name, tasks=("another",))
