"""General lines: two parts that share nothing, scored after every epoch, replayed as asked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import real_lines
from tests.real_lines import config, few_lines, lines, run
from tests.train.test_loop import small_folder
from train.checkpoint import load_checkpoint
from train.config_file import save_config
from train.data.sample import Sample
from train.data.split import Splits
from train.engine import Batch
from train.engines.paddlepaddle.engine import PaddleEngine
from train.errors import DataError, UsageError
from train.loop import TrainingData, published_scores, train
from train.sets.general import split_general

TEXTS = st.lists(st.sampled_from([f"text {i}" for i in range(40)]), min_size=30, max_size=200)


def samples(texts: list[str], file: str) -> tuple[Sample, ...]:
    return tuple(Sample(Path(f"/{file}/{i}.png"), t, f"{file}:{i}") for i, t in enumerate(texts, 1))


DOMAIN = Splits(
    samples(["text 0", "text 1"], "train"), samples(["text 2"], "val"), samples(["text 3", "text 0"], "test"), {}
)  # fmt: skip


@given(texts=TEXTS, seed=st.integers(0, 5))
def test_no_text_is_both_scored_and_trained_on(texts: list[str], seed: int) -> None:
    given_samples = samples(texts + [f"more {i}" for i in range(20)], "general")
    scored, replay = split_general(given_samples, DOMAIN, seed)
    assert sorted(scored + replay, key=str) == sorted(given_samples, key=str)
    trained = {s.text for s in replay} | {s.text for s in DOMAIN.train}
    held = {s.text for s in scored} | {"text 2", "text 3"}
    assert not trained & held
    turned = split_general(given_samples[::-1], DOMAIN, seed)
    assert [set(scored), set(replay)] == [set(part) for part in turned]
    assert len(scored) <= round(len(given_samples) / 2) + sum(s.text in ("text 2", "text 3") for s in scored)


def test_half_is_scored_and_another_seed_scores_another_half() -> None:
    some = samples([f"text {i}" for i in range(100, 200)], "general")
    parts = [split_general(some, DOMAIN, seed) for seed in (0, 1)]
    assert [(len(scored), len(replay)) for scored, replay in parts] == [(50, 50)] * 2
    assert set(parts[0][0]) != set(parts[1][0])
    many = samples([f"text {i}" for i in range(100, 2100)], "general")
    assert len(split_general(many, DOMAIN, 0)[0]) == 500


def test_classes_are_in_both_parts() -> None:
    domain = Splits(samples(["0", "180"], "train"), (), (), {})
    some = samples(["0", "180"] * 50, "general")
    scored, replay = split_general(some, domain, 0, classes={"0", "180"})
    assert {s.text for s in scored} == {s.text for s in replay} == {"0", "180"}
    assert not {s.path for s in scored} & {s.path for s in replay}


def test_files_of_one_name_in_two_folders_are_two() -> None:
    theirs = [replace(one, path=Path("theirs", one.path.name)) for one in samples(["0", "180"] * 50, "x")]
    ours = [replace(one, path=Path("ours", one.path.name)) for one in theirs]
    scored, replay = split_general(theirs, Splits(tuple(ours), (), (), {}), 0, classes={"0", "180"})
    assert len(scored) == len(replay) == 50


@pytest.mark.parametrize("texts", [[f"t{i}" for i in range(11)], ["same"] * 50, ["text 0"] * 20])
def test_too_few_texts_are_refused(texts: list[str]) -> None:
    with pytest.raises(DataError, match="add general lines"):
        split_general(samples(texts, "general"), DOMAIN, 0)


@pytest.fixture(scope="module")
def data(data_dir: Path) -> TrainingData:
    """Eight VIN lines, and six words each to score and to replay."""
    words = lines(data_dir, "scene_words", count=6)
    general = lines(data_dir, "scene_words", "val", 6)
    return replace(few_lines(data_dir), general=general, replay=words)


@pytest.fixture
def targets(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The lengths of every training batch's labels, filled as they are made."""
    seen: list[list[int]] = []
    original = PaddleEngine.train_step

    def train_step(engine: PaddleEngine, batch: Batch, rate: float, update: bool) -> float:
        seen.append([len(target) for target in batch.targets])
        return original(engine, batch, rate, update)

    monkeypatch.setattr(PaddleEngine, "train_step", train_step)
    return seen


def test_a_share_of_every_batch_is_replayed(data: TrainingData, targets: list[list[int]]) -> None:
    settings = config(epochs=1, charset="keep", replay=0.5, augmentation={"probability": 0.0})
    run(settings, data)
    assert [[length == 17 for length in batch] for batch in targets] == [[True, True, False, False]] * 4


def test_general_lines_change_no_training_unless_replayed(data: TrainingData) -> None:
    settings = config(epochs=1, charset="keep")
    bare = TrainingData(data.train, data.val)
    [(alone, one)], [(beside, other)], [(mixed, third)] = (
        run(settings, bare),
        run(settings, data),
        run(settings.model_copy(update={"replay": 0.5}), data),
    )
    weights = [checkpoint.state["weights"] for checkpoint in (one, other, third)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert any(not np.array_equal(weights[0][name], weights[2][name]) for name in weights[0])
    assert beside.keys() - alone.keys() == {
        "general_exact_match",
        "general_edit_similarity",
        "general_cer",
    }
    assert mixed["general_edit_similarity"] > 0.5


def test_what_cannot_be_replayed_is_refused_before_training(data: TrainingData) -> None:
    bare = TrainingData(data.train, data.val)
    own = replace(data, dictionary=tuple(sorted(set("".join(data.train.texts)))))  # and no more than these
    for settings, given_data in ((config(replay=0.3), bare), (config(replay=0.3, charset="domain"), own)):
        with pytest.raises(UsageError, match="replay needs lines"):
            train(settings, given_data, lambda *_: pytest.fail("an epoch was trained"))


def test_the_reference_is_the_model_as_published(data: TrainingData) -> None:
    known = published_scores(config(charset="domain", fit_width=320), data)
    assert known is not None
    assert known.n == 6
    assert known.exact_match > 0.3
    assert published_scores(config(), TrainingData(data.train, data.val)) is None


@pytest.mark.slow
def test_train_run_replays(data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from train.run import main

    folder = small_folder(data_dir, tmp_path / "data", train=8, val=4)
    save_config(config(epochs=1, charset="keep", replay=0.5), tmp_path / "config.yaml")
    arguments = ["--data", str(folder), "--config", str(tmp_path / "config.yaml"), "--test-fraction", "0"]
    arguments += ["--output", str(tmp_path / "out")]
    with pytest.raises(UsageError, match="--general-labels FILE"):
        main(arguments)
    general = tmp_path / "rec_gt.txt"
    words = real_lines.samples(data_dir, "scene_words", "val", 24)
    general.write_text("".join(f"{word.path}\t{word.text}\n" for word in words), encoding="utf-8")
    main([*arguments, "--general-labels", str(general)])
    out = capsys.readouterr().out
    assert "baseline: pp-ocrv6-tiny, as published: general exact 0." in out
    reported = load_checkpoint(tmp_path / "out" / "last").metrics["general_exact_match"]
    assert f"  general {reported:.3f}  " in out
    assert 0 <= 12 * reported == round(12 * reported) <= 12
