"""Spaces: what they suggest, how they narrow, and that every fault names its line and its remedy."""

import json
import warnings
from typing import Any

import optuna
import pytest

from spaces.space import SearchSpace, load_space, parse_space, shipped_spaces
from train.config import TrialConfig
from train.errors import UsageError
from train.system.dotted import flatten

TEXT = """\
fixed: {task: recognition, schedule: {name: constant}}
parameters:
  model: {choice: [pp-ocrv6-tiny, pp-ocrv6-small]}
  technique.name: {choice: [full, frozen, discriminative]}
  technique.options.stem: {float: [0.001, 0.1], log: true, when: {technique.name: discriminative}}
  optimiser.name: {choice: [adamw, adam, sgd]}
  optimiser.learning_rate:
    - {float: [1e-3, 1e-1], log: true, when: {optimiser.name: sgd}}
    - {float: [1e-5, 9e-4], log: true, when: {optimiser.name: [adamw, adam]}}
  optimiser.accumulate: {int: [1, 5], step: 2}
  augmentation.operations: {choice: [[], [blur, noise]]}
warm_starts:
  - when: {max_samples: 500}
    settings: {technique.name: frozen, optimiser.learning_rate: 5e-4}
  - when: {min_samples: 100}
    settings: {model: pp-ocrv6-small, optimiser.name: sgd, optimiser.learning_rate: 0.01}
"""


@pytest.fixture
def space() -> SearchSpace:
    return parse_space(TEXT, "some", "some.yaml")


def study_of(
    space: SearchSpace, trials: int, points: list[dict[str, Any]] | None = None
) -> list[TrialConfig]:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=3, multivariate=True, group=True))
    for point in points or []:
        study.enqueue_trial(point)
    found = []

    def objective(trial: optuna.Trial) -> float:
        found.append(space.suggest(trial))
        return found[-1].optimiser.learning_rate

    study.optimize(objective, n_trials=trials)
    return found


def test_suggestions_obey_conditions_and_alternatives(space: SearchSpace) -> None:
    configs = study_of(space, 60)
    assert {c.optimiser.name for c in configs} == {"adamw", "adam", "sgd"}
    for config in configs:
        low, high = (1e-3, 1e-1) if config.optimiser.name == "sgd" else (1e-5, 9e-4)
        assert low <= config.optimiser.learning_rate <= high
        assert ("stem" in config.technique.options) == (config.technique.name == "discriminative")
        assert config.schedule.name == "constant"
        assert config.optimiser.accumulate in (1, 3, 5)
        assert config.augmentation.operations in ((), ("blur", "noise"))


def test_fixed_values_override_and_keep_conditions_working(space: SearchSpace) -> None:
    narrowed = space.with_fixed({"technique.name": "discriminative", "epochs": 3, "schedule.name": "cosine"})
    for config in study_of(narrowed, 10):
        assert (config.technique.name, config.epochs, config.schedule.name) == ("discriminative", 3, "cosine")
        assert "stem" in config.technique.options
    assert "epochs" not in space.fixed


def test_a_space_may_fix_every_setting(space: SearchSpace) -> None:
    """What a search chooses before its trials, such as how lines are cut out of photos, is fixed in its space."""
    settings = flatten(TrialConfig().model_dump())
    assert space.with_fixed(settings).fixed == settings


def test_choices_narrow_widen_and_fix(space: SearchSpace) -> None:
    two = space.with_choices("model", ["pp-ocrv5-mobile", "pp-ocrv6-tiny"])
    assert {c.model for c in study_of(two, 20)} == {"pp-ocrv5-mobile", "pp-ocrv6-tiny"}
    assert two.with_choices("model", ["pp-ocrv6-tiny"]).fixed["model"] == "pp-ocrv6-tiny"
    freed = space.with_choices("schedule.name", ["cosine", "constant"])
    assert {c.schedule.name for c in study_of(freed, 20)} == {"cosine", "constant"}


def test_settings_that_trial_config_refuses_are_refused(space: SearchSpace) -> None:
    with pytest.raises(UsageError, match="epochs must be valid"):
        space.with_fixed({"epochs": 0})
    with pytest.raises(UsageError, match="did you mean epochs"):
        space.with_choices("epoch", [1])


def test_warm_starts_are_complete_and_tried_first(space: SearchSpace) -> None:
    points = space.warm_starts_for(200)
    first, second = study_of(space, 2, points)
    assert (first.technique.name, first.optimiser.learning_rate, first.model) == (
        "frozen",
        5e-4,
        "pp-ocrv6-tiny",
    )
    assert (second.model, second.optimiser.name, second.optimiser.learning_rate) == (
        "pp-ocrv6-small",
        "sgd",
        0.01,
    )
    assert "optimiser.learning_rate [optimiser.name=sgd]" in points[1]
    json.dumps(points)


def test_warm_starts_follow_the_data_size_and_the_narrowing(space: SearchSpace) -> None:
    assert [len(space.warm_starts_for(n)) for n in (99, 100, 499, 500)] == [1, 2, 2, 1]
    small = space.with_choices("model", ["pp-ocrv6-small"])
    assert len(small.warm_starts_for(200)) == 2
    assert "model" not in small.warm_starts_for(200)[0]
    assert space.with_fixed({"technique.name": "full", "model": "pp-ocrv6-tiny"}).warm_starts_for(200) == []


def test_few_samples_get_as_many_epochs_as_make_enough_steps() -> None:
    """Batches of 32: 75 lines make three an epoch. Patience counts epochs, so it grows alike."""
    space = load_space("recognition")
    found = [space.lengthened(n).fixed for n in (75, 199, 200)]
    assert [(one["epochs"], one["patience"]) for one in found] == [(167, 56), (72, 24), (30, 10)]
    assert load_space("quick").lengthened(20).fixed["epochs"] == 30
    photos = [load_space("detection").lengthened(n).fixed["epochs"] for n in (6, 17, 51, 100)]
    assert photos == [125, 50, 20, 20]
    small = space.with_choices("batch_size", [8, 16])
    assert small.lengthened(75).fixed["epochs"] == 50, "batches of 8, the space's first, make ten an epoch"


def test_what_a_warm_start_leaves_open_is_as_usual() -> None:
    """Drawn and general lines are used wherever there are some."""
    recognition = load_space("recognition")
    assert {point["synthetic"] for point in recognition.warm_starts_for(300)} == {0.3}
    kept = recognition.forced("charset", "keep").warm_starts_for(300)
    assert {point["replay"] for point in kept} == {0.3}
    with pytest.raises(UsageError, match=r"usual must be a number in \[0, 0\.4\], got 0\.5"):
        parse_space("parameters: {synthetic: {float: [0.0, 0.4], usual: 0.5}}", "some", "some.yaml")


def test_flat_returns_only_what_was_open(space: SearchSpace) -> None:
    config = study_of(space.with_fixed({"technique.name": "full"}), 1)[0]
    assert "technique.options.stem" not in space.flat(config)
    assert space.flat(config)["optimiser.learning_rate"] == config.optimiser.learning_rate
    assert "epochs" not in space.flat(config)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("optimiser.accumulate:", "optimiser.acumulate:", 10, "did you mean optimiser.accumulate"),
        ("optimiser.accumulate:", "optimiser:", 10, "setting of TrialConfig"),
        ("optimiser.accumulate:", "cut.along:", 10, "not vary how lines are cut"),
        ("task: recognition", "tsk: recognition", 1, "did you mean task"),
        ("name: constant", "name: sawtooth", 1, "schedule.name must be valid"),
        ("float: [0.001, 0.1]", "float: [0.1, 0.1]", 5, "low must be below high"),
        ("float: [0.001, 0.1]", "float: [0, 0.1]", 5, "must start above 0"),
        ("float: [0.001, 0.1]", "float: [a, 0.1]", 5, "two numbers"),
        ("float: [0.001, 0.1]", "floot: [0.001, 0.1]", 5, "one of choice, float, int"),
        ("[1e-3, 1e-1]", "[1e-3, 7]", 8, "less than or equal to 1"),
        ("[pp-ocrv6-tiny, pp-ocrv6-small]", "[]", 3, "at least one value"),
        ("[pp-ocrv6-tiny, pp-ocrv6-small]", "[a, a]", 3, "must differ"),
        ("step: 2", "step: 3", 10, "divide high - low"),
        ("step: 2", "stop: 2", 10, "no such option"),
        ("{technique.name: discriminative}", "{schedule.cycles: 2}", 5, "defined above it"),
        ("{technique.name: discriminative}", "{technique.name: lora}", 5, "one of full, frozen"),
        ("{technique.name: discriminative}", "{technique.name: []}", 5, "at least one value"),
        ("when: {optimiser.name: sgd}", "when: {}", 9, "reachable"),
        ("  model:", "  task:", 3, "fixed or a parameter"),
        ("optimiser.accumulate:", "optimiser.name:", 10, "stands once"),
        ("parameters:", "params:", 2, "no such section"),
        ("technique.name: frozen, ", "technique.name: frozen, technique.options.stem: 0.01, ", 14, "is open"),
        ("technique.name: frozen, ", "schedule.name: cosine, ", 14, "stay as fixed"),
        ("optimiser.learning_rate: 5e-4", "optimiser.learning_rate: 0.05", 14, "number in"),
        ("{max_samples: 500}", "{max_sample: 500}", 13, "min_samples and max_samples"),
        ("{min_samples: 100}", "{other_models: true}", 16, "leave out `model`"),
        ("fixed: {", "fixed: {{", 1, "valid YAML"),
    ],
)  # fmt: skip
def test_a_fault_names_file_line_and_remedy(old: str, new: str, line: int, says: str) -> None:
    assert old in TEXT
    with pytest.raises(UsageError) as caught:
        parse_space(TEXT.replace(old, new, 1), "some", "some.yaml")
    message = str(caught.value)
    assert says in message
    assert "some.yaml" in message
    assert f"some.yaml:{line}: " in message or f"line {line}," in message, message


def test_an_unknown_name_lists_the_shipped_spaces() -> None:
    with pytest.raises(UsageError, match="quick, recognition, small-data"):
        load_space("quik")
    with pytest.raises(UsageError, match="check the path"):
        load_space("nowhere/at-all.yaml")


@pytest.mark.parametrize("name", shipped_spaces())
@pytest.mark.parametrize("samples", [50, 700, 3000, 7000, 20000])
def test_shipped_spaces_suggest_and_start_without_a_warning(name: str, samples: int) -> None:
    space = load_space(name)
    points = space.warm_starts_for(samples)
    assert points
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        configs = study_of(space, len(points) + 15, points)
    assert len({c.model_dump_json() for c in configs}) == len(configs)


def values_of(key: str, point: dict[str, Any]) -> list[Any]:
    """Return what a point says of a setting, whichever of its alternatives is open."""
    return [value for name, value in point.items() if name.partition(" ")[0] == key]


@pytest.mark.parametrize("samples", [50, 512, 7000, 300_000])
@pytest.mark.parametrize(
    ("model", "rate"),
    [
        ("pp-ocrv6-tiny", 2e-4),
        ("pp-ocrv6-small", 1e-4),
        ("pp-ocrv5-mobile", 1e-4),
        ("pp-ocrv6-medium", 1e-4),
    ],
)
def test_the_recipe_comes_first_for_each_model(model: str, rate: float, samples: int) -> None:
    """For the models of the wheel, where a search has all of them, and for one that the space does not name."""
    recognition = load_space("recognition")
    for models in ([model], [model, *recognition.choices("model")]):
        points = recognition.with_choices("model", models).warm_starts_for(samples)
        first = next(point for point in points if point.get("model", model) == model)
        assert values_of("technique.name", first) == ["full"]
        assert values_of("optimiser.learning_rate", first) == [rate]


CAREFUL, RECIPE = ("frozen", 3e-5), ("live", 1e-3)


@pytest.mark.parametrize(
    ("photos", "known", "begins"),
    [(20, 0.9, [CAREFUL, RECIPE]), (20, 0.3, [RECIPE, CAREFUL]), (512, 0.9, [RECIPE, RECIPE])],
)
def test_each_detector_begins_with_the_recipe_unless_few_photos_show_that_it_knows_them(
    photos: int, known: float, begins: list[tuple[str, float]]
) -> None:
    detection = load_space("detection")
    models = [*detection.choices("model"), "pp-ocrv5-mobile-det"]
    points = detection.with_choices("model", models).warm_starts_for(photos, baseline=known)
    for model in models:
        own = [point for point in points if point["model"] == model]
        assert [(p["batch_norm"], *values_of("optimiser.learning_rate", p)) for p in own[:2]] == begins


@pytest.mark.parametrize(("model", "rate"), [("pp-ocrv6-tiny", 1e-3), ("pp-ocrv6-small", 5e-4)])
def test_few_lines_begin_with_one_rate_of_adapters(model: str, rate: float) -> None:
    for name in ("recognition", "small-data"):
        points = load_space(name).with_choices("model", [model]).warm_starts_for(150)
        adapters = [point for point in points if values_of("technique.name", point) == ["lora"]]
        assert [values_of("optimiser.learning_rate", point) for point in adapters] == [[rate]]


def test_warm_starts_for_other_models_are_theirs_alone() -> None:
    text = """\
    parameters: {model: {choice: [a, b]}, optimiser.learning_rate: {float: [1.0e-5, 1.0e-2]}}
    warm_starts:
      - {when: {other_models: true}, settings: {optimiser.learning_rate: 1.0e-3}}
      - settings: {model: a, optimiser.learning_rate: 1.0e-4}
    """
    space = parse_space(text, "some", "some.yaml")

    def started(*models: str) -> list[tuple[object, object]]:
        points = space.with_choices("model", models).warm_starts_for(9)
        return [(point.get("model"), point["optimiser.learning_rate"]) for point in points]

    assert started("a", "b", "c") == [("b", 1e-3), ("c", 1e-3), ("a", 1e-4)]
    assert started("a") == [(None, 1e-4)]
    assert started("c") == [(None, 1e-3)]


@pytest.mark.parametrize("name", shipped_spaces())
def test_techniques_take_every_option_that_shipped_spaces_suggest(name: str) -> None:
    from train.techniques import build_technique

    for config in study_of(load_space(name), 40):
        build_technique(config.technique).plan(0.5)


def test_only_a_student_that_is_not_its_own_teacher_is_taught() -> None:
    space = load_space("recognition")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    configs = [space.suggest(study.ask()) for _ in range(150)]
    taught = [config for config in configs if "teacher" in config.technique.options]
    assert {config.technique.name for config in taught} == {"distill"}
    assert {config.model for config in taught} == {"pp-ocrv6-tiny"}
    assert all(config.technique.options["teacher"] != config.model for config in taught)
    small = space.with_choices("model", ["pp-ocrv6-small"])
    assert "distill" not in {small.suggest(study.ask()).technique.name for _ in range(60)}
