"""What a resumed study must have in common with the one that was begun."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from search.arguments import parser
from search.preflight.fingerprint import (
    CUT,
    CUT_KEY,
    DEALT_FOLDS,
    DEALT_SPLITS,
    WIDENED,
    check_fingerprint,
    check_layout,
    check_settings,
    list_differences,
    take_fingerprint,
)
from search.run import settings_of
from search.settings import StudySettings
from search.storage.files import FINGERPRINT
from spaces.space import SearchSpace, load_space, parse_space
from train.data.arguments import options_of
from train.data.sample import Sample
from train.data.split import MADE
from train.errors import CheckpointError, UsageError
from train.reading.formats.declared import TextFormat
from train.reading.knowledge import TextKnowledge
from train.sets.read import Sets

NOTHING = TextKnowledge(())
DETECTED = '[{"transcription": "AB", "points": [[0, 0], [9, 0], [9, 9], [0, 9]]}]'
SPACE = """\
fixed: {epochs: 4}
parameters:
  optimiser.learning_rate: {float: [1.0e-4, HIGH], log: true}
"""


def space(high: str = "1.0e-2") -> SearchSpace:
    return parse_space(SPACE.replace("HIGH", high), "tiny", "tiny.yaml")


def sets(folder: Path, text: str = "AB1", content: bytes = b"image") -> Sets:
    folder.mkdir(exist_ok=True)
    (folder / "a.png").write_bytes(content)
    sample = Sample(folder / "a.png", text, "labels.txt:1")
    return Sets({"train": (sample,), "val": (sample,)}, {}, {})


def found(
    folder: Path, high: str = "1.0e-2", knowledge: TextKnowledge = NOTHING, **data: object
) -> dict[str, str]:
    return take_fingerprint(space(high), sets(folder, **data), "recognition", knowledge)  # type: ignore[arg-type]


def test_a_copy_of_the_data_is_the_same_data(tmp_path: Path) -> None:
    assert found(tmp_path / "here") == found(tmp_path / "there")


def test_every_change_is_named_with_the_old_and_the_new_value(tmp_path: Path) -> None:
    old = found(tmp_path)
    [told] = list_differences(old, found(tmp_path, high="1.0e-1"))
    assert told == "space.optimiser.learning_rate: a number in [0.0001, 0.01] -> a number in [0.0001, 0.1]"
    labels = list_differences(old, found(tmp_path, text="AB2"))
    assert [line.partition(":")[0] for line in labels] == [
        "data.train.content",
        "data.val.content",
        "charset",
    ]
    assert labels[-1] == "charset: came 2, went 1"
    assert len(list_differences(old, found(tmp_path, content=b"another image"))) == 2


def test_what_is_declared_of_the_texts_is_part_of_a_study(tmp_path: Path) -> None:
    words = TextFormat(pattern="[A-Z]{3}", lexicon=("ONE", "TWO"), checks=("luhn",))
    begun = found(tmp_path, knowledge=TextKnowledge((), words.rules(), further=["A", "B"]))
    assert (
        list_differences(
            begun, found(tmp_path, knowledge=TextKnowledge((), words.rules(), further=["A", "B"]))
        )
        == []
    )
    other = TextFormat(pattern="[A-Z]{3}", lexicon=("ONE", "TEN"), checks=({"check": "luhn", "hard": True},))
    told = list_differences(begun, found(tmp_path, knowledge=TextKnowledge((), other.rules(), further=["A"])))
    assert [line.partition(":")[0] for line in told] == [
        "format.1",
        "format.2",
        "format.3",
        "texts",
    ]  # hard ones first
    assert list_differences(begun, found(tmp_path))[0].endswith('"pattern": "[A-Z]{3}"} -> nothing')


def test_what_earlier_versions_wrote_down_is_still_the_same(tmp_path: Path) -> None:
    """Alternatives stood as one pattern, and the versions of lines, which follow from the rest, as data."""
    several = TextFormat(pattern=("[A-Z]+", "[0-9]+"))
    begun = found(tmp_path, knowledge=TextKnowledge((), several.rules()))
    assert json.loads(begun["format.1"])["pattern"] == "([A-Z]+)|([0-9]+)"
    folder = tmp_path / "vin"
    check_fingerprint(folder, begun | {"data.versions.content": "0123456789abcdef"}, resume=False)
    check_fingerprint(folder, begun, resume=True)


def test_lines_that_an_earlier_version_left_out_are_no_changed_data(tmp_path: Path) -> None:
    """It did not keep those that the detector missed; where that missed none, the study goes on."""
    old, folder = found(tmp_path), tmp_path / "vin"
    today = old | {CUT_KEY: CUT}
    check_fingerprint(folder, old, resume=False)
    with pytest.raises(UsageError, match=r"by the version that began it.*data\.val\.samples: 1 -> 2"):
        check_fingerprint(folder, today | {"data.val.samples": "2"}, resume=True)
    with pytest.raises(UsageError, match="must have the space, data and settings"):
        check_fingerprint(folder, today | {"data.train.samples": "2"}, resume=True)
    for _ in range(2):
        check_fingerprint(folder, today, resume=True)
    with pytest.raises(UsageError, match="must have the space, data and settings"):
        check_fingerprint(folder, today | {"data.val.samples": "2"}, resume=True)


def test_a_space_that_holds_what_an_earlier_version_searched_is_no_other_one(tmp_path: Path) -> None:
    shipped = load_space("detection").forced("replay", 0.0)
    today = take_fingerprint(shipped, sets(tmp_path, text=DETECTED), "detection", NOTHING)
    assert {key: today[key] for key in WIDENED} == {key: new for key, (_, new) in WIDENED.items()}
    written = {key: old for key, (old, _) in WIDENED.items() if old is not None}
    old = {key: value for key, value in today.items() if key not in WIDENED} | written
    folder = tmp_path / "find"
    check_fingerprint(folder, old, resume=False)
    mixed = today | {"space.replay": "a number in [0, 0.4]"}
    with pytest.raises(UsageError, match=r"got space\.replay: nothing -> a number in \[0, 0\.4\]; go back"):
        check_fingerprint(folder, mixed, resume=True)
    for _ in range(2):
        check_fingerprint(folder, today, resume=True)


def photos(
    folder: Path, folds: int, labels: tuple[str, ...], val: str = "photos.txt", **more: object
) -> dict[str, str]:
    """Return the fingerprint of a study of a detector whose training photos have these labels."""
    begun = sets(folder)
    paths = [folder / f"{number}.png" for number in range(len(labels))]
    for path in paths:
        path.touch()
    train = tuple(Sample(path, label, "labels.txt") for path, label in zip(paths, labels, strict=True))
    found = replace(begun, samples={"train": train, "val": train}, origins={"val": val}, **more)
    return take_fingerprint(space(), found, "detection", NOTHING, folds)


def test_photos_without_regions_that_an_earlier_version_dealt_otherwise_are_no_changed_data(
    tmp_path: Path,
) -> None:
    """Their splits and folds are others; where neither is made, or documents are dealt, the study goes on."""
    empty = ("[]", "[]")
    known = photos(tmp_path, 1, empty)
    assert not {DEALT_SPLITS, DEALT_FOLDS} & known.keys()
    documents = {tmp_path / f"{number}.png": str(number) for number in range(2)}
    assert photos(tmp_path, 2, empty, documents=documents) == known
    assert photos(tmp_path, 5, (DETECTED,), f"{MADE}15 %") == photos(tmp_path, 1, (DETECTED,))

    for today, told in (
        (photos(tmp_path, 5, empty), "other folds"),
        (
            photos(tmp_path, 1, empty, f"{MADE}15 %") | {"data.val.samples": "3"},
            r"data\.val\.samples: 2 -> 3",
        ),
    ):
        folder = tmp_path / told[:4]
        check_fingerprint(folder, known, resume=False)
        with pytest.raises(UsageError, match=rf"dealt one by one now, got {told}; .*--fork {told[:4]}"):
            check_fingerprint(folder, today, resume=True)
        with pytest.raises(UsageError, match="must have the space, data and settings"):
            check_fingerprint(folder, today | {"space.epochs": "5"}, resume=True)
        check_fingerprint(folder, today, resume=False)
        check_fingerprint(folder, today, resume=True)
    check_fingerprint(folder, known, resume=False)
    check_fingerprint(folder, photos(tmp_path, 1, empty, f"{MADE}15 %"), resume=True)


def test_a_root_that_an_earlier_version_kept_as_it_was_typed_is_the_same() -> None:
    begun = StudySettings(name="vin", storage="runs", data_options={"root": "photos", "text_key": "t"})
    asked = StudySettings(name="vin", storage="runs", data_options=options_of(["root=photos", "text_key=t"]))
    check_settings(begun, asked)
    other = asked.model_copy(update={"data_options": options_of(["root=others", "text_key=t"])})
    with pytest.raises(UsageError, match="data_options"):
        check_settings(begun, other)


def test_a_changed_study_is_not_resumed(tmp_path: Path) -> None:
    folder = tmp_path / "vin"
    check_fingerprint(folder, found(tmp_path), resume=False)
    check_fingerprint(folder, found(tmp_path), resume=True)
    with pytest.raises(UsageError, match=r"charset: came 2, went 1.*--fork vin"):
        check_fingerprint(folder, found(tmp_path, text="AB2"), resume=True)
    assert json.loads((folder / FINGERPRINT).read_text(encoding="utf-8")) == found(tmp_path), (
        "the refused one was kept"
    )


def test_a_damaged_fingerprint_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "vin"
    check_fingerprint(folder, found(tmp_path), resume=False)
    (folder / FINGERPRINT).write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"fingerprint.json: .*--fork vin"):
        check_layout(folder)


def test_a_command_line_that_resumes_may_repeat_but_not_change() -> None:
    says_nothing = StudySettings(name="demo", storage="runs")
    begun = StudySettings(name="vin", storage="runs", data="DIR", seed=3, engine="torch", time_budget_s=60)
    for asked in (
        says_nothing,
        says_nothing.model_copy(update={"data": "DIR", "time_budget_s": 90.0}),
        says_nothing.model_copy(update={"engine": "auto"}),
    ):
        check_settings(begun, asked)
    with pytest.raises(UsageError, match=r"data: DIR -> OTHER; seed: 3 -> 4"):
        check_settings(begun, says_nothing.model_copy(update={"data": "OTHER", "seed": 4}))


def test_a_command_line_that_resumes_may_not_go_back_to_a_default_either() -> None:
    command = parser()
    chosen = command.parse_args(["--name", "vin", "--seed", "0", "--scheduler", "asha"])
    begun = StudySettings(name="vin", storage="runs", seed=3, scheduler="none", folds=2)
    with pytest.raises(UsageError, match="got scheduler: none -> asha; seed: 3 -> 0; go"):
        check_settings(begun, settings_of(chosen, command.given))


def test_a_space_decides_on_upright_lines_whatever_the_command_line_repeats(tmp_path: Path) -> None:
    space = tmp_path / "mine.yaml"
    space.write_text(SPACE.replace("4}", "4, upright: turn}").replace("HIGH", "1.0e-2"), encoding="utf-8")
    for named, refused in ((str(space), False), ("quick", True)):
        begun = StudySettings(name="vin", storage="runs", space=named, upright="turn")
        asked = StudySettings(name="vin", storage="runs", space=named, upright="as_is")
        with pytest.raises(UsageError, match="upright: turn -> as_is") if refused else nullcontext():
            check_settings(begun, asked)


def test_a_command_line_without_options_asks_for_the_defaults() -> None:
    """What differs from them is what a command line that resumes asks for."""
    usual = settings_of(parser().parse_args([]))
    assert usual == StudySettings(name=usual.name, storage=usual.storage)
