"""How a time budget is divided between a detector and its reader, and the least that is worth beginning with.

Pure functions of seconds, of what studies were measured to take on two cores beside other work.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from train.data.checks.evidence import MIN_UNITS
from train.end_to_end.halves import FEWEST_UNSEEN
from train.end_to_end.halves import MOST_PHOTOS as COMPARED
from train.end_to_end.reading_thresholds import MOST_PHOTOS as SUITED

START_S, TRAIN_S = 75.0, 30.0
"""Of a study: what comes before and after its trials, and the least to train in."""
PHOTO_S, MEGAPIXEL_S = 0.03, 1.2
"""To find the lines of a photo: whatever its size, and for each megapixel that the network sees."""
BASELINE_READINGS = 3
DETECTION_SHARE, MEASURING_SHARE, MEASURING_S = 0.35, 0.05, 60.0
"""Of the time: the last is the least to read in when both are measured, beside finding."""
LINE_S, TRIED_A_TEXT, MOST_TRIED = 0.03, 20, 5200
"""To read a line; how often a validation text is read to try thresholds, cuts and pairs, and how many lines at most."""
SMALLEST_ALONE_S, FOLDS_S = 300.0, 600.0
"""With less time a study searches the smallest model alone, or a detector is scored on one split."""


@dataclass(frozen=True)
class PairTime:
    """The time of a detector and its reader.

    Attributes:
        budget_s: from start to result.
        photos: of each split.
        megapixels: that a network sees of a photo.
        search_detector: False where one is given.
        val_texts: labelled texts of the validation photos.
        test_texts: labelled texts of the test photos.
    """

    budget_s: float
    photos: Mapping[str, int]
    megapixels: float
    search_detector: bool = True
    val_texts: int = 0
    test_texts: int = 0

    @property
    def least_s(self) -> float:
        """The least budget in which a study of each can train something."""
        return self._least_detector_s + self.least_reader_s + self._reading_s + self._finding_again_s

    @property
    def least_reader_s(self) -> float:
        """What a reader needs: its lines are found in all photos."""
        return START_S + TRAIN_S + self._finding_s * sum(self.photos.values())

    @property
    def detector_s(self) -> float:
        """Seconds of the detector's study: what it needs, and DETECTION_SHARE of what both needs leave over."""
        spare = self.budget_s - self._least_detector_s - self.least_reader_s - self._measuring_s
        return self._least_detector_s + DETECTION_SHARE * max(spare, 0.0)

    def reader_s(self, elapsed_s: float) -> float:
        """Return what the reader's study has, so long after the beginning: what is left, but at least what it needs."""
        return max(self.budget_s - self._measuring_s - elapsed_s, self.least_reader_s)

    @property
    def _least_detector_s(self) -> float:
        few = self.photos["val"] < MIN_UNITS  # so all are read, over folds
        scored = self.photos["val"] + (self.photos["train"] if few else 0)
        reading_s = BASELINE_READINGS * self._finding_s * scored
        return START_S + TRAIN_S + reading_s if self.search_detector else 0.0

    @property
    def _finding_s(self) -> float:
        return PHOTO_S + MEGAPIXEL_S * self.megapixels

    @property
    def _measuring_s(self) -> float:
        return max(self._reading_s, MEASURING_SHARE * self.budget_s) + self._finding_again_s

    @property
    def _reading_s(self) -> float:
        """To read in when both are measured: some lines several times, and all of them in the end."""
        tried = min(MOST_TRIED, TRIED_A_TEXT * self.val_texts)
        return max(MEASURING_S, LINE_S * (tried + self.val_texts + self.test_texts))

    @property
    def _finding_again_s(self) -> float:
        """The most that finding lines takes when both are measured, unless the published detector is taken in the end.

        Boxes are kept for each detector, thresholds and list of photos. With a detector that was searched, validation
        photos are looked at to choose thresholds, and with new thresholds all photos again; with the published one
        those that the pairs are compared on.
        """
        val, test = self.photos["val"], self.photos.get("test", 0)
        compared = test if test >= FEWEST_UNSEEN else val
        photos = COMPARED if compared > COMPARED else 0  # some of them are another list
        if self.search_detector:
            photos += min(val, SUITED) + val + min(compared, COMPARED) + test
        return self._finding_s * photos
