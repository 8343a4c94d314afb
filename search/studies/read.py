"""The studies of a storage folder, as their files tell them; nothing is trained, and nothing is read half-written."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from search.records.result import StudyResult, read_result_file
from search.settings import ASKED, StudySettings, read_settings_file
from search.storage.files import JOURNAL, RESULT_FILE, STUDY_FILE, SUMMARY_FILE
from search.storage.lock import is_held
from search.studies.before_result_json import read_summary
from search.studies.rebuild import rebuild_result
from train.errors import UsageError

StudyState = Literal["running", "interrupted", "finished"]


@dataclass(frozen=True)
class Study:
    """One study's folder."""

    folder: Path
    settings: StudySettings
    state: StudyState

    @property
    def name(self) -> str:
        """Its name."""
        return self.settings.name

    @property
    def is_earlier(self) -> bool:
        """Whether it was finished by a version that wrote no result.json."""
        return self.state == "finished" and not (self.folder / RESULT_FILE).is_file()

    @property
    def changed(self) -> float:
        """Unix time of the last that is known of it."""
        names = (SUMMARY_FILE, JOURNAL, STUDY_FILE)
        return max(path.stat().st_mtime for name in names if (path := self.folder / name).exists())


def read_study(folder: Path) -> Study:
    """Read a study's folder; raise UsageError if there is none, or of a version that is not known here."""
    path = folder / STUDY_FILE
    if not path.is_file():
        pair = folder in pair_folders(folder.parent)
        place = folder if pair else folder.parent
        names = ", ".join(other.name for other in study_folders(place)) or "none"
        raise UsageError(
            "a study must be there",
            f"{folder}, a detector and its reader" if pair else folder,
            f"name one of {place} ({names}){f': --storage {place}' if pair else ', or --storage'}",
        )
    settings = read_settings_file(path)
    ended: StudyState = "finished" if (folder / SUMMARY_FILE).is_file() else "interrupted"
    return Study(folder, settings, "running" if is_held(folder) else ended)


def study_folders(storage: Path) -> list[Path]:
    """Return the folders of the studies under a folder, by name; raise UsageError if there is no such folder."""
    if not storage.is_dir():
        raise UsageError(
            "--storage must be a folder with studies",
            storage,
            "copy the studies there, or name their folder",
        )
    return sorted(path.parent for path in storage.glob(f"*/{STUDY_FILE}"))


def pair_folders(storage: Path) -> list[Path]:
    """Return the folders of `--task photos` under a folder, by name: each holds two studies."""
    return sorted(path.parent for path in storage.glob(f"*/{ASKED}"))


def read_result(study: Study) -> StudyResult:
    """Return what a study has found; before its end, as far as its journal tells."""
    if study.state != "finished":
        return rebuild_result(study.folder, study.settings, study.state)
    if study.is_earlier:
        return read_summary(study.folder, study.settings)
    return read_result_file(study.folder)
