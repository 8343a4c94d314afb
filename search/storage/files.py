"""The names of the files in a study's folder that others read, too."""

from search.storage.pace import Pace  # noqa: F401 - earlier versions pickled it under this name

STUDY_FILE, RESULT_FILE, SUMMARY_FILE, DATABASE = "study.json", "result.json", "summary.json", "optuna.db"
BEST_CONFIG = "best.yaml"
"""The winner's settings, beside its bundle."""
JOURNAL, INCIDENTS, FINGERPRINT = "reports.jsonl", "incidents.json", "fingerprint.json"
EARLIER, LATENCIES = "transfer.json", "latencies.json"
CLOCK = "clock.json"
"""When the search has to end, for what Tune pickled (`search/planning/clock.py`)."""

STUDIES, EMBEDDED_FOLDER, OTHERS_FOLDER = "studies.db", "embedded-vin", "drawn-lines-2"
"""Beside the studies: the winners of all finished ones, the embedded default data, and lines of other kinds."""
FIRST_OTHERS_FOLDER = "drawn-lines"
"""Lines of other kinds as the first version drew them: studies that began with them go on with them."""

GROWING = (JOURNAL, INCIDENTS)
"""Only added to while a study runs: of two copies, the larger one is the newer."""
BEGUN = (STUDY_FILE, FINGERPRINT, LATENCIES)
"""Written before the first trial."""
WHILE_RUNNING = (DATABASE, EARLIER, *GROWING)
"""Written as the trials go on."""
