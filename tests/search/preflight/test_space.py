"""The space before any data are read: names that must exist, and what the command line leaves of it."""

from pathlib import Path

import pytest

from search.preflight.engine import check_engine, choose_engine, find_engine
from search.preflight.lines import find_cut, find_upright
from search.preflight.narrowing import find_task, list_default_models, narrow, narrow_as_asked
from search.preflight.space import check_names, find_format, find_stored
from search.settings import StudySettings
from spaces.space import load_space, parse_space, shipped_spaces
from train.cut import Cut
from train.errors import UsageError
from train.reading.formats.declared import read_format
from train.techniques import TECHNIQUES


def test_each_step_of_narrowing_is_printed_once_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    space = parse_space("parameters: {batch_size: {choice: [16, 32, 64]}}", "some", "some.yaml")
    narrowed = narrow(
        space,
        [
            lambda space: (space.with_choices("batch_size", [16, 32]), "64 takes too much memory"),
            lambda space: (space, ""),
            lambda space: (space.with_choices("batch_size", space.choices("batch_size")[1:]), "16 is slow"),
        ],
    )
    assert narrowed.choices("batch_size") == (32,)
    assert capsys.readouterr().out.splitlines() == ["64 takes too much memory", "16 is slow"]


@pytest.mark.parametrize("name", shipped_spaces())
def test_shipped_spaces_name_what_exists(name: str) -> None:
    check_names(load_space(name))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fixed: {model: pp-ocrv6-tinny}", "model must be a known one, got .*; did you mean pp-ocrv6-tiny or "),
        ("parameters: {model: {choice: [pp-ocrv6-tiny, ocr]}}", "got 'ocr'; choose from: "),
        ("parameters: {technique.name: {choice: [full, frosen]}}", "technique must be .* 'frosen'"),
        ("fixed: {engine: padle}", "engine must be a known one"),
        ("fixed: {task: reading}", "task must be a known one"),
        ("parameters: {augmentation.operations: {choice: [[], [blurr]]}}", "augmentation must be .* 'blurr'"),
        (
            "parameters: {technique.name: {choice: [frozen, discriminative]},"
            " technique.options.backbone_lat: {float: [0.1, 1], when: {technique.name: discriminative}}}",
            "technique discriminative must hold valid settings.*backbone_lat",
        ),
        (
            "parameters: {charset: {choice: [keep, domain]},"
            " technique.name: [{choice: [full], when: {charset: keep}}, {choice: [lorra]}]}",
            "'lorra'",
        ),
        (
            "fixed: {technique: {name: distill, options: {teacher: /nowhere}}}",
            "a teacher must be a registered model, or the folder.*'/nowhere'",
        ),
    ],
)  # fmt: skip
def test_a_misspelt_name_anywhere_in_a_space_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_names(parse_space(text, "some", "some.yaml"))


def test_a_misspelt_model_of_the_command_line_is_refused() -> None:
    with pytest.raises(UsageError, match=r"choose from: .*pp-ocrv6-tiny"):
        check_names(load_space("quick").with_choices("model", ["pp-ocrv6-tiny", "tiny"]))


def test_a_share_of_lines_is_searched_only_where_there_are_some() -> None:
    settings = StudySettings(name="x", storage="runs")
    space = load_space("recognition")
    without = narrow_as_asked(space, settings)
    assert without.fixed["synthetic"] == 0
    assert all("synthetic" not in point for point in without.warm_starts_for(600))
    assert len(without.warm_starts_for(600)) == len(space.warm_starts_for(600)) > 3
    drawn = narrow_as_asked(space, settings.model_copy(update={"synthetic_labels": "x.txt"}))
    assert any(parameter.key == "synthetic" for parameter in drawn.parameters)
    with pytest.raises(
        UsageError, match="--synthetic-labels goes with a space that mixes drawn lines in, got quick"
    ):
        narrow_as_asked(load_space("quick"), settings.model_copy(update={"synthetic_labels": "x.txt"}))
    fixed = space.with_fixed({"synthetic": 0.3})
    with pytest.raises(UsageError, match="--synthetic-labels FILE"):
        narrow_as_asked(fixed, settings)


BOTH = "parameters: {engine: {choice: [paddle, torch]}, model: {choice: [pp-ocrv6-tiny, pp-ocrv6-small]}}"


def test_the_command_line_fixes_weights_and_dictionary(tmp_path: Path) -> None:
    """Weights are one model's; a dictionary is every trial's, and none may vary it."""
    space = parse_space("parameters: {model: {choice: [pp-ocrv6-tiny, pp-ocrv6-small]}}", "some", "some.yaml")
    (tmp_path / "best_accuracy.pdparams").touch()
    settings = StudySettings(name="x", storage="runs", dictionary="dict.txt", models=("pp-ocrv6-tiny",))
    weights = str(tmp_path / "best_accuracy")
    fixed = narrow_as_asked(space, settings.model_copy(update={"weights": weights})).fixed
    assert (fixed["weights"], fixed["dictionary"]) == (weights, "dict.txt")
    for changes, says in (
        ({"models": ()}, "of one model, got .*; add --model"),
        ({}, "a file or folder that is there, got .*lost"),
    ):
        with pytest.raises(UsageError, match=says):
            narrow_as_asked(space, settings.model_copy(update={"weights": "lost"} | changes))
    varied = parse_space("parameters: {dictionary: {choice: [a.txt, b.txt]}}", "some", "some.yaml")
    with pytest.raises(UsageError, match="one dictionary"):
        narrow_as_asked(varied, settings)


@pytest.mark.parametrize(
    ("text", "asked", "engine"),
    [
        (BOTH, "torch", "torch"),
        (BOTH, "any", "any"),
        ("fixed: {engine: torch}", None, "torch"),
        ("fixed: {model: crnn}", None, "torch"),  # the only one that holds it, so nothing is measured
    ],
)
def test_trials_share_one_engine_unless_any_is_asked_for(text: str, asked: str | None, engine: str) -> None:
    space, settings = (
        parse_space(text, "some", "some.yaml"),
        StudySettings(name="x", storage="runs", engine=asked),
    )
    settings = choose_engine(settings, narrow_as_asked(space, settings))
    assert settings.engine == engine
    open_engines = narrow_as_asked(space, settings).choices("engine")
    assert open_engines == (("paddle", "torch") if engine == "any" else (engine,))


@pytest.mark.parametrize("text", [BOTH, "fixed: {model: pp-ocrv6-small}"])
def test_where_nobody_fixes_an_engine_the_fastest_is_asked_for(text: str) -> None:
    assert find_engine(StudySettings(name="x", storage="runs"), parse_space(text, "some", "s.yaml")) == "auto"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fixed: {engine: torch}", "names several engines.*only torch"),
        (
            "parameters: {engine: {choice: [paddle, torch]}, model: {choice: [crnn]}}",
            "paddle must hold every model",
        ),
    ],
)
def test_any_engine_needs_a_space_with_several_that_hold_its_models(text: str, says: str) -> None:
    settings = StudySettings(name="x", storage="runs", engine="any")
    with pytest.raises(UsageError, match=says):
        check_engine(settings, parse_space(text, "some", "some.yaml"))


def test_the_space_of_techniques_starts_with_each_in_both_frameworks() -> None:
    space = load_space("techniques")
    points = space.warm_starts_for(512)
    assert len({(point["engine"], point["technique.name"]) for point in points}) == len(points)
    assert len(points) == len(space.choices("engine")) * len(space.choices("technique.name"))
    assert set(space.choices("technique.name")) == set(TECHNIQUES.names())


def test_all_trials_treat_upright_lines_alike() -> None:
    asked = StudySettings(name="x", storage="runs", upright="turn")
    plain, fixed = (parse_space(text, "some", "some.yaml") for text in ("{}", "fixed: {upright: turn}"))
    assert find_upright(asked, plain) == "turn"
    assert narrow_as_asked(plain, asked).fixed["upright"] == "turn"
    assert find_upright(StudySettings(name="x", storage="runs"), fixed) == "turn"
    varied = parse_space("parameters: {upright: {choice: [turn, as_is]}}", "some", "some.yaml")
    with pytest.raises(UsageError, match="must fix `upright`"):
        find_upright(asked, varied)


def test_a_space_says_how_its_lines_were_cut_unless_a_detector_finds_them() -> None:
    asked, cut = StudySettings(name="x", storage="runs"), Cut(along=0.2, words=True)
    said = parse_space("fixed: {cut: {along: 0.2, words: true}}", "some", "some.yaml")
    assert find_cut(asked, said) == cut
    chosen = asked.model_copy(update={"detection": "pp-ocrv6-tiny-det", "cut": cut})
    assert find_cut(chosen, parse_space("{}", "some", "some.yaml")) == cut
    with pytest.raises(UsageError, match=r"leave open how lines are cut .*got cut\.along, cut\.words"):
        find_cut(chosen, said)


@pytest.mark.parametrize("declared", ["{pattern: '[0-9]{8}', checks: [luhn], find: true}", "own.yaml"])
def test_a_space_carries_the_format_of_the_texts_unless_one_is_named(declared: str, tmp_path: Path) -> None:
    space = tmp_path / "mine.yaml"
    space.write_text(f"format: {declared}\nparameters: {{batch_size: {{choice: [16, 32]}}}}")
    (tmp_path / "own.yaml").write_text("{pattern: '[0-9]{8}', checks: [luhn], find: true}")
    settings = StudySettings(name="s", storage="runs", space=str(space))
    found = find_format(settings, load_space(str(space)))
    rules = read_format(Path(str(found)))
    assert [(rule.name, rule.find) for rule in rules] == [("pattern", True), ("luhn", True)]
    named = settings.model_copy(update={"reading": "other.yaml"})
    assert find_format(named, load_space(str(space))) == "other.yaml"
    space.write_text("format: {checks: [lunn]}")
    with pytest.raises(UsageError, match=r"mine\.yaml: format: a check must be known, got 'lunn'"):
        read_format(space)


def test_models_of_one_search_take_images_of_one_size() -> None:
    both = "fixed: {task: orientation}\nparameters: {model: {choice: [ch-ppocr-mobile-v2, pp-lcnet-orientation]}}"
    asked = StudySettings(name="some", storage="runs", task="orientation")
    with pytest.raises(
        UsageError, match=r"images of one size.*, got ch-ppocr-mobile-v2, pp-lcnet-orientation; "
    ):
        find_stored(asked, parse_space(both, "some", "some.yaml"))
    shipped = load_space("orientation")
    sizes = [
        find_stored(asked, shipped.with_choices("model", [model])).size(40, 100)
        for model in ("ch-ppocr-mobile-v2", "pp-lcnet-orientation")
    ]
    assert sizes == [(48, 120), (80, 160)]
    assert find_stored(asked, shipped).size(40, 100) == (48, 120)


ORIENTATION = "fixed: {task: orientation, engine: paddle, epochs: 1, batch_norm: live}"


def settings(**changes: object) -> StudySettings:
    return StudySettings.model_validate({"name": "some", "storage": "runs"} | changes)


def test_the_task_is_the_spaces_or_the_command_lines() -> None:
    assert find_task(settings(), parse_space(ORIENTATION, "some", "s")) == "orientation"
    assert find_task(settings(task="orientation"), parse_space("fixed: {}", "some", "s")) == "orientation"
    assert find_task(settings(), parse_space("fixed: {}", "some", "s")) == "recognition"
    with pytest.raises(UsageError, match="orientation, and the space quick is for recognition"):
        find_task(settings(task="orientation"), load_space("quick"))
    varied = "parameters: {task: {choice: [recognition, orientation]}}"
    with pytest.raises(UsageError, match="a space must be for one task"):
        find_task(settings(), parse_space(varied, "some", "s"))


def test_a_space_without_a_model_searches_those_of_its_task() -> None:
    assert list_default_models("orientation") == ("ch-ppocr-mobile-v2",), "others take images of another size"
    assert list_default_models("recognition") == ("pp-ocrv6-tiny",)
    assert len(found := list_default_models("detection")) > 1
    space, asked = parse_space("fixed: {task: detection}", "some", "s"), settings(task="detection")
    assert narrow_as_asked(space, asked).choices("model") == found
    space = narrow_as_asked(parse_space(ORIENTATION, "some", "s"), settings())
    assert find_stored(settings(task="orientation"), space).size(40, 100) == (48, 120)
