"""The names of the files in a study's folder that others read, too."""

STUDY_FILE, SUMMARY_FILE, DATABASE = "study.json", "summary.json", "optuna.db"
JOURNAL, INCIDENTS, FINGERPRINT = "reports.jsonl", "incidents.json", "fingerprint.json"
EARLIER = "transfer.json"

GROWING = (JOURNAL, INCIDENTS)
"""Only added to while a study runs: of two copies, the larger one is the newer."""
BEGUN = (STUDY_FILE, FINGERPRINT)
"""Written before the first trial."""
WHILE_RUNNING = (DATABASE, EARLIER, *GROWING)
"""Written as the trials go on."""
