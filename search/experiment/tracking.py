"""Where else a search's progress goes: MLflow, Weights & Biases, and the cluster's Prometheus endpoint."""

import importlib.util
import os
from typing import Any

from ray import tune
from ray.util import metrics

from search.records.trial_report import DIVERGED, TrialReport
from search.settings import StudySettings
from train.errors import UsageError

TAGS = ("study", "trial")


def check_tracking(settings: StudySettings) -> None:
    """Raise UsageError if a package is missing that the settings need."""
    for package, target in (("mlflow", settings.mlflow), ("wandb", settings.wandb)):
        if target and importlib.util.find_spec(package) is None:
            raise UsageError(
                f"--{package} needs the package {package}",
                "it is not installed",
                "pip install -e '.[tracking]', or leave it out: TensorBoard reads every study",
            )


def make_trackers(settings: StudySettings, train_samples: int) -> list[tune.Callback]:
    """Return Tune's callbacks that send the progress on; the packages are there (`check_tracking`)."""
    found: list[tune.Callback] = [LiveMetrics(settings.name, train_samples)]
    if settings.mlflow:
        from ray.air.integrations.mlflow import MLflowLoggerCallback

        found.append(MLflowLoggerCallback(tracking_uri=settings.mlflow, experiment_name=settings.name))
    if settings.wandb:
        from ray.air.integrations.wandb import WandbLoggerCallback

        # The actors that send it may run with another environment than this process.
        mode = {"mode": os.environ["WANDB_MODE"]} if "WANDB_MODE" in os.environ else {}
        found.append(WandbLoggerCallback(project=settings.wandb, group=settings.name, **mode))
    return found


class LiveMetrics(tune.Callback):
    """Keeps the study's gauges and counters, which each node's metrics agent exports for Prometheus.

    Args:
        study: its name.
        train_samples: the user's own images in an epoch.
    """

    def __init__(self, study: str, train_samples: int) -> None:
        self._samples = train_samples
        self._study = study.encode("ascii", "backslashreplace").decode()  # Ray's metrics take no other tags

    def setup(
        self, stop: Any = None, num_samples: Any = None, total_num_samples: Any = None, **info: Any
    ) -> None:
        """Make them: Tune pickles its callbacks before that."""
        self._best = metrics.Gauge("ocrtune_best_score", "Best score of a trial so far.", tag_keys=TAGS)
        self._score = metrics.Gauge("ocrtune_score", "Score of a trial's last epoch.", tag_keys=TAGS)
        self._loss = metrics.Gauge("ocrtune_loss", "Training loss of a trial's last epoch.", tag_keys=TAGS)
        self._epochs = metrics.Counter("ocrtune_epochs", "Epochs trained.", tag_keys=TAGS)
        self._images = metrics.Counter("ocrtune_images", "Images trained on.", tag_keys=TAGS)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Take over what a trial reports; one that diverged has nothing to tell."""
        if result.get(DIVERGED):
            return
        report, tags = TrialReport.from_row(result), {"study": self._study, "trial": str(trial.trial_id)}
        self._best.set(report.best_score, tags)
        self._score.set(report.score, tags)
        self._loss.set(report.loss, tags)
        self._epochs.inc(1, tags)
        if self._samples:
            self._images.inc(self._samples, tags)
