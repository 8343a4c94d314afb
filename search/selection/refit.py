"""Training on all samples, those of validation among them: once they have scored the trials, the bundle may learn them.

**Over folds** the bundle is the winner's configuration trained once more on all samples, which takes a fold's time. The
folds' networks have each seen only a part of them, and which one to ship would be chance (so scikit-learn's `refit` of
a grid search, AutoGluon's `refit_full`). Validation scores are those of the folds' networks; only the held-back test
measures the bundle, and nothing is chosen by it.

**With one split** and a time budget, one of several places first trains what is tried first on all samples (the
companion). The bundle is the mean of that network and the winner, whose gain has to be shown without it.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import ray

from search.planning.budget import REFIT_START_S
from search.planning.plan import Planned
from search.records.evidence import Caution, Refit
from search.records.result import PRETRAINED
from search.records.trial import TrialRecord
from search.selection.caution import mix
from search.selection.confirm import collect
from search.selection.one_form import have_same_start, in_one_form, without_adapters
from search.selection.outcome import Companion, Refitting, Searched
from search.selection.soup import Weights, average, renew_statistics
from train.checkpoint import Checkpoint
from train.config import TrialConfig
from train.data.batching.mixture import Mixture, Subset
from train.data.dataset import Dataset
from train.errors import DivergedError, ModelError
from train.loop import TrainingData, assemble_run, charset_for, list_taught_sets, train
from train.scoring.scores import Scores
from train.steps.report import MakeCheckpoint, Metrics, report_last
from train.steps.validation import mean_loss
from train.tasks import TASKS
from train.trained.loaded import Assembled, Loaded, SplitReading, load_network

READ = 16
"""Validation samples of a refit: the training loop has to read some."""
LEAST_SHARE = 0.5
"""Of a fold's time, that has to be left."""


def join_samples(data: TrainingData, config: TrialConfig) -> TrainingData:
    """Return the data with validation samples to train on, too, without those that the trials' charset cannot write."""
    texts = data.val.texts if TASKS.get(config.task).spells else ()
    charset = charset_for(config, data.train, list_taught_sets(config, data), data.dictionary)
    unwritable = {place for place, text in enumerate(texts) if charset.unknown(text)}
    mine = [place for place in range(len(data.val)) if place not in unwritable]
    few = Subset(data.val, range(min(READ, len(data.val))))
    return replace(data, train=Mixture([data.train, Subset(data.val, mine)]), val=few, general=None)


def train_on_all(
    config: TrialConfig, data: TrainingData, deadline: float | None, micro_batches: int
) -> tuple[Checkpoint, int] | str:
    """Train a configuration on all samples, for as many epochs as it says or as there is time for.

    Returns the last epoch's checkpoint and how many samples it has seen; why there is none if it diverged.
    """
    whole = join_samples(data, config)
    config = config.model_copy(update={"patience": 0})
    last: list[Checkpoint] = []

    def keep(metrics: Metrics, make: MakeCheckpoint) -> None:
        last.append(make())

    try:
        train(config, whole, report_last(keep), micro_batches=micro_batches, deadline=deadline)
    except DivergedError as error:
        return str(error)
    return last[0], len(whole.train)


def refit(
    search: Searched,
    ranked: Sequence[TrialRecord],
    winner: Loaded,
    averaged: tuple[str, ...],
    caution: Caution | None,
) -> tuple[Loaded, Refit | None]:
    """Return the network of the bundle, and how it was trained again; the winner itself and None if it was not.

    A bundle that is the pretrained baseline stays so; one that lies part of the way to the winner stays there.

    Args:
        search: the study.
        ranked: the scored trials, the winner's first.
        winner: the network of its first fold.
        averaged: trials that it is averaged from.
        caution: how near to the best baseline it stays.
    """
    share = 1.0 if caution is None else caution.share
    if averaged == (PRETRAINED,) or share == 0:
        return winner, None
    if search.companion is not None:
        return average_with_companion(search, search.companion, ranked, winner, share)
    how = search.refitting
    if search.folds == 1 or how is None or share < 1:
        return winner, None
    found = run_apart(winner.checkpoint.config, how, ranked[0])
    final = found if isinstance(found, str) else take_trained(search, winner, *found)
    if isinstance(final, str):
        print(f"not trained again on all samples, the bundle is the first fold's: {final}", flush=True)
        return winner, None
    return final


def take_trained(
    search: Searched, winner: Loaded, trained: Checkpoint, samples: int
) -> tuple[Loaded, Refit] | str:
    """Return the network that was trained on all samples in the winner's place, or why it is not taken.

    It has learned the validation samples: if it scores lower on them than the first fold's network, by more than one
    sample is worth, it is broken.
    """
    first_fold, val = winner.checkpoint, search.data.training.val
    if trained.charset != first_fold.charset:
        return "other characters to write"
    kept = replace(
        trained,
        metrics=first_fold.metrics,
        state={"weights": trained.weights},
        text_model=first_fold.text_model,
    )
    network = load_network(kept, search.data.training.train)
    final = Loaded(network.engine, winner.task, checkpoint=kept)
    if final.read(val).scores.primary < winner.read(val).scores.primary - 1 / len(val):
        return "what was trained on all scores lower on the validation samples"
    return final, Refit(epochs=trained.epoch, samples=samples)


def run_apart(config: TrialConfig, how: Refitting, trial: TrialRecord) -> tuple[Checkpoint, int] | str:
    """Call `train_on_all` in a process of its own, in time; return why if nothing came of it."""
    left = None if how.deadline is None else how.deadline - time.time()
    trained = max(1, trial.best.fold if trial.best else 0) * trial.config.epochs
    if (
        left is not None
        and left < REFIT_START_S + LEAST_SHARE * trial.config.epochs * trial.seconds / trained
    ):
        return "the time is short"
    print("training the winner once more, on all samples", flush=True)
    return wait_for_end(begin_apart(config, how, trial.micro_batches), how.deadline, latest=None)


def begin_apart(config: TrialConfig, how: Refitting, micro_batches: int) -> ray.ObjectRef:
    """Begin `train_on_all` in a process of its own that ends with it, as it holds the memory of a trial."""
    cpus, gpus, memory = (how.resources.get(name, 0.0) for name in ("CPU", "GPU", "memory"))
    own = ray.remote(num_cpus=cpus, num_gpus=gpus, memory=memory, max_retries=0, max_calls=1)
    return own(train_on_all).remote(config, how.data, how.deadline, micro_batches)


def wait_for_end(
    job: ray.ObjectRef, deadline: float | None, latest: float | None
) -> tuple[Checkpoint, int] | str:
    """Return what `train_on_all` returned, or why there is nothing: it failed, or was late (`allow_seconds`)."""
    left = None if deadline is None else allow_seconds(time.time(), deadline, latest)
    found: tuple[Checkpoint, int] | str = collect([job], left)[job]
    return found


def allow_seconds(now: float, deadline: float, latest: float | None) -> float:
    """Return how long to wait for a training: REFIT_START_S past its deadline, and longer where the time is there.

    Its last epoch may take longer than those before, and without it all of them are lost.

    Args:
        now: Unix time.
        deadline: at which its schedule ends.
        latest: when the bundle's weights have to stand; None where nothing else is known to follow.
    """
    left = max(0.0, deadline - now) + REFIT_START_S
    return left if latest is None else max(left, latest - now)


def start_companion(planned: Planned) -> Companion | None:
    """Begin to train on all samples what the plan has a place for; None if it has none.

    It may end later than the trials: their average is made first, for which a network has to be built.
    """
    config, trial, ending = planned.plan.companion, planned.plan.resources.trial, planned.plan.ending
    if config is None or ending is None:
        return None
    print("one place trains on all samples, those of validation among them", flush=True)
    deadline = planned.clock.deadline and planned.clock.deadline + ending.build_s
    how = Refitting(planned.probed.shared, trial.amounts, deadline)
    return Companion(begin_apart(config, how, trial.micro_batches(config)), how.deadline, config)


def average_with_companion(
    search: Searched, companion: Companion, ranked: Sequence[TrialRecord], winner: Loaded, share: float
) -> tuple[Loaded, Refit | None]:
    """Return the mean of the winner and the network of all samples; the winner alone where that failed or reads worse.

    The mean has learned the validation samples in part: if it reads fewer of them than the winner, it is broken.

    Args:
        search: the study.
        companion: what trains on all samples.
        ranked: the scored trials, the winner's first.
        winner: of the trials; it lies `share` of the way from the pretrained weights to those that training led to.
        share: the network of all samples goes the same share of its own way.
    """
    found = wait_for_end(companion.job, companion.deadline, search.weights_deadline)
    if isinstance(found, str):
        print(f"not averaged with what trained on all samples: {found}", flush=True)
        return winner, None
    trained, samples = found
    if not have_same_start(winner.checkpoint, trained):
        print("not averaged with what trained on all samples: the winner began otherwise", flush=True)
        return winner, None
    if behind := find_twin_behind(companion.config, ranked):
        why = f"trial {behind.id} has its settings, and is too far behind the winner"
        print(f"not averaged with what trained on all samples: {why}", flush=True)
        return winner, None
    mean, scores = find_mean(search, winner, trained, share)
    if scores.rank < winner.read(search.data.training.val).scores.rank:
        print("not averaged with what trained on all samples: their mean reads worse", flush=True)
        return winner, None
    return mean, Refit(epochs=trained.epoch, samples=samples, averaged=True)


def find_twin_behind(config: TrialConfig, ranked: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the whole trial of these settings if it scores below the 95 % interval of the winner's score; else None.

    Validation samples cannot tell what a network is worth that has learned them; that trial, which has not, can.

    Args:
        config: of what trained on all samples; how long it was, the time decided.
        ranked: the scored trials, the winner's first.
    """
    best, length = ranked[0].best, {"epochs": config.epochs, "epoch_share": config.epoch_share}
    assert best is not None, "only scored trials are ranked"
    # A trial that was stopped tells of its begin alone.
    whole = (trial for trial in ranked if trial.state == "finished")
    twins = (trial for trial in whole if trial.config.model_copy(update=length) == config)
    twin, interval = next(twins, None), best.scores.interval
    if twin is None or twin.score is None or interval is None:
        return None
    return twin if twin.score < interval.low else None


def find_mean(search: Searched, winner: Loaded, trained: Checkpoint, share: float) -> tuple[Loaded, Scores]:
    """Return the mean of the winner and of what trained on all samples, and its scores on the validation samples.

    Where batch norms were live it gets statistics of its own if it reads better with them, as other averages do.
    """
    training, config = search.data.training, without_adapters(winner.checkpoint.config)
    live = "live" in (config.batch_norm, trained.config.batch_norm)
    engine, _ = assemble_run(config.model_copy(update={"batch_norm": "live" if live else "frozen"}), training)
    start = engine.weights()
    form = partial(in_one_form, data=training, start=start)
    further = form(trained) if share == 1 else mix(start, form(trained), share)
    candidates = [average([form(winner.checkpoint), further])]
    if live and search.has_time_to_read:
        candidates.append(renew_statistics(candidates[0], engine, winner.task, training))

    def read(weights: Weights) -> SplitReading:
        engine.load({"weights": weights})
        return Assembled(engine, winner.task).read(training.val)

    readings = [read(weights) for weights in candidates]
    ranks = [one.scores.rank_with(mean_loss(one.losses)) for one in readings]
    best = ranks.index(max(ranks))
    kept = replace(winner.checkpoint, state={"weights": candidates[best]})
    engine.load(kept.state)
    return Loaded(engine, winner.task, checkpoint=kept), readings[best].scores


def load_companion(companion: Companion, train: Dataset, latest: float | None) -> Loaded:
    """Return the network that trained on all samples.

    Args:
        companion: what trains on all samples.
        train: the training split.
        latest: when the bundle's weights have to stand, Unix time (`allow_seconds`).

    Raises:
        ModelError: if nothing came of it.
    """
    found = wait_for_end(companion.job, companion.deadline, latest)
    if isinstance(found, str):
        raise ModelError("training on all samples must come to its end", found, "look above for why")
    return load_network(found[0], train)
