"""The studies that there are: list, show, compare, export, check labels. `python search/results.py --help`."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

from search.studies.read import Study, pair_folders, read_study, study_folders
from train.errors import OcrError, UsageError, name_refused
from train.scoring.intervals import Interval
from train.system.cli import Parser
from train.system.paths import folder_name, given_path, require_folder

EPILOG = """examples:
  python search/results.py list
  python search/results.py show vin
  python search/results.py compare vin vin-more-data
  python search/results.py export vin --trial 2 --output bundles/second

exit status: 0 done; 1 a failed gate or a damaged file; 2 bad usage"""


def parser() -> argparse.ArgumentParser:
    """Return the command line's definition."""
    parse = Parser(
        prog="python search/results.py",
        description="Look at studies without training anything.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    common = Parser(add_help=False)
    common.add_argument(
        "--storage",
        metavar="DIR",
        type=given_path,
        default=Path("runs"),
        help="folder of the studies (default: runs)",
    )
    common.add_argument("--json", action="store_true", help="print JSON, for programs")
    commands = parse.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[common], help="all studies, the latest first")
    show = commands.add_parser(
        "show", parents=[common], help="a study's trials, ranked; also of a running one"
    )
    show.add_argument("name", type=folder_name, help="of the study")
    compare = commands.add_parser(
        "compare", parents=[common], help="two finished studies: their winners' settings, and the gain"
    )
    compare.add_argument("first", type=folder_name, help="name of a finished study")
    compare.add_argument(
        "second", type=folder_name, help="name of another one, whose gain over the first is told"
    )
    export = commands.add_parser("export", parents=[common], help="the bundle of a trial's best checkpoint")
    export.add_argument("name", type=folder_name, help="of the study")
    export.add_argument("--trial", required=True, help="its id, or its place in the table, 1 for the best")
    export.add_argument(
        "--output",
        type=given_path,
        required=True,
        help="folder of the bundle; an older bundle there is replaced",
    )
    labels = commands.add_parser(
        "labels", parents=[common], help="labels that several good trials read otherwise"
    )
    labels.add_argument("name", type=folder_name, help="of the study")
    return parse


def main(arguments: Sequence[str]) -> int | None:
    """Do what the command line says; return 1 where a study could not be listed."""
    chosen = parser().parse_args(arguments)
    return COMMANDS[chosen.command](chosen)


def print_studies(chosen: argparse.Namespace) -> int:
    """Print one line a study, the latest first; return 1 where one cannot be read, which is said of it."""
    from search.report.text import align

    found: list[tuple[float, dict[str, Any]]] = []
    unread: list[str] = []
    for folder in study_folders(chosen.storage):
        try:
            study = read_study(folder)
            found.append((study.changed, _as_row(study)))
        except (OcrError, OSError) as error:  # a folder may be removed meanwhile
            fault = error if isinstance(error, OcrError) else name_refused(error)
            unread.append(f"{folder.name} cannot be read: {fault}")
    pairs = [] if chosen.json else pair_folders(chosen.storage)
    rows = [row for _, row in sorted(found, key=lambda one: one[0], reverse=True)]
    head = ("study", "task", "data", "state", "best (95 %)", "baseline", "score", "trials", "when")
    if chosen.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
    elif rows:
        print("\n".join(align([head, *map(_as_cells, rows)], range(4, 6))))
    elif not unread and not pairs:
        print(f"no study in {chosen.storage}")
    for folder in pairs:
        print(f"{folder.name}: a detector and its reader, listed with --storage {folder}")
    for line in unread:
        print(line, file=sys.stderr)
    return 1 if unread else 0


def _as_row(study: Study) -> dict[str, Any]:
    """Return a study as `list --json` has it; scores are shares in [0, 1]."""
    from search.studies.read import read_result

    result = read_result(study)
    winner, comparison = result.winner, result.comparison("validation")
    scores = comparison.winner if comparison else winner.best.scores if winner and winner.best else None
    baseline = result.baseline.scores if result.baseline else None
    return {
        "name": study.name,
        "task": result.task,
        "data": result.data.path,
        "state": study.state,
        "metric": result.terms.scores[0],
        "best": scores.primary if scores else None,
        "interval_95": scores.interval.ends if scores and scores.interval else None,
        "untouched": baseline.primary if baseline else None,
        "untouched_interval_95": baseline.interval.ends if baseline and baseline.interval else None,
        "trials": len(result.trials),
        "changed": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(study.changed)),
    }


def _as_cells(row: dict[str, Any]) -> Sequence[str]:
    return (
        row["name"],
        row["task"],
        row["data"],
        row["state"],
        _format_score(row["best"], row["interval_95"]),
        _format_score(row["untouched"], row["untouched_interval_95"]),
        row["metric"],
        str(row["trials"]),
        row["changed"][:16].replace("T", " "),
    )


def _format_score(score: float | None, ends: Sequence[float] | None) -> str:
    """Format a score with the ends of its interval, where they are known."""
    from search.report.text import format_score

    interval = Interval(low=ends[0], high=ends[1]) if ends else None
    return "" if score is None else format_score(score, interval)


def show(chosen: argparse.Namespace) -> None:
    """Print a study's table as its end printed it, or, before that, as far as it is."""
    study = read_study(chosen.storage / chosen.name)
    if study.state == "finished":
        _show_finished(study, chosen.json)
    else:
        _show_unfinished(study, chosen.json)


def _show_finished(study: Study, as_json: bool) -> None:
    from search.report.terminal import terminal_table
    from search.storage.files import SUMMARY_FILE
    from search.studies.before_result_json import MISSING
    from search.studies.read import read_result

    if as_json:
        print((study.folder / SUMMARY_FILE).read_text(encoding="utf-8"), end="")
        return
    print(terminal_table(read_result(study)))
    if study.is_earlier:
        print(MISSING)


def _show_unfinished(study: Study, as_json: bool) -> None:
    from search.report.summary import summary
    from search.report.terminal import ranked_lines
    from search.studies.read import read_result

    result = read_result(study)
    if as_json:
        print(json.dumps({**summary(result), "state": study.state}, indent=2, ensure_ascii=False))
        return
    print(f"{study.name}: {study.state}, {len(result.trials)} trials so far")
    print("\n".join(ranked_lines(result)))
    if study.state == "interrupted":
        print(f"go on with: {study.settings.resume_command}")


def compare(chosen: argparse.Namespace) -> None:
    """Print two studies side by side."""
    from search.records.sample_rows import read_rows
    from search.report.text import format_gain, format_value
    from search.studies.compare import compare_studies

    pair = _finished(chosen.storage / chosen.first), _finished(chosen.storage / chosen.second)
    found = compare_studies(pair, (read_rows(pair[0].folder), read_rows(pair[1].folder)))
    if chosen.json:
        print(found.model_dump_json(indent=2))
        return
    for split in found.splits:
        shares = [
            _format_score(*measured) or "not measured"
            for measured in ((split.first, split.first_interval), (split.second, split.second_interval))
        ]
        gain = format_gain(split.gain) if split.gain else f"cannot be compared: {split.why_not}"
        print(f"{split.split}: {shares[0]} -> {shares[1]}; {gain}")
    for title, settings in (
        ("the winners differ in", found.settings),
        ("the searches differ in", found.search),
    ):
        print(f"\n{title}" + ("" if settings else " nothing"))
        for key, (first, second) in settings.items():
            print(f"  {key}: {format_value(first)} -> {format_value(second)}")


def _finished(folder: Path) -> Study:
    study = read_study(folder)
    if study.state != "finished":
        raise UsageError(
            "studies that are compared must be finished", f"{study.name}: {study.state}", "wait for its end"
        )
    return study


def export(chosen: argparse.Namespace) -> None:
    """Export a trial's best checkpoint through the parity gate."""
    from search.studies.export import export_trial

    require_folder(chosen.output, "--output")
    with redirect_stdout(sys.stderr if chosen.json else sys.stdout):  # it says what it chooses
        done = export_trial(read_study(chosen.storage / chosen.name), chosen.trial, chosen.output)
    if chosen.json:
        print(json.dumps({"bundle": str(chosen.output), **asdict(done)}, indent=2))
        return
    gate = done.parity
    read = (
        f"{gate.lines} images read as before the export, largest difference {gate.max_difference:.1e}"
        if gate
        else "a model without a graph, so without a gate"
    )
    print(f"{chosen.output}: trial {done.trial}, epoch {done.epoch}; {read}")


def labels(chosen: argparse.Namespace) -> None:
    """Print the labels that several good trials read otherwise, and write them for a person to judge."""
    from search.selection.labels import TABLE
    from search.studies.labels import check_study

    study = read_study(chosen.storage / chosen.name)
    check = check_study(study)
    if chosen.json:
        print(check.model_dump_json(indent=2))
        return
    print(f"asked: {', '.join(check.voters) or 'nobody'}{f' ({check.why_not})' if check.why_not else ''}")
    for one in check.samples:
        print(f"{one.votes}/{one.voters}  {one.chance:.0e}  {one.label} -> {one.reading}  {one.source}")
    print(f"{len(check.samples)} labels may be errors: {study.folder / TABLE}")


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int | None]] = {
    "list": print_studies,
    "show": show,
    "compare": compare,
    "export": export,
    "labels": labels,
}
