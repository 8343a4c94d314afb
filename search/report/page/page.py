"""report.html: what was tried, what mattered, where the winner still errs; one file that needs no network."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from search.records.result import StudyResult
from search.report.importance import measure_importances
from search.report.page.charts import (
    show_importance,
    show_learning_curves,
    show_reliability,
    show_scores_over_time,
)
from search.report.page.head import show_head, show_tiles
from search.report.page.parallel import show_settings_and_scores
from search.report.page.parts import read_style, section
from search.report.page.pictures import ImageOf, show_confusions, show_label_errors, show_misreadings
from search.report.page.tables import (
    show_advice,
    show_baselines,
    show_comparisons,
    show_confirmations,
    show_cost,
    show_front,
    show_techniques,
    show_trials,
)
from search.report.text import format_disk_use
from train.system.files import write_whole


def write_report(
    result: StudyResult, image_of: ImageOf, path: Path, as_labelled: Mapping[str, ImageOf] | None = None
) -> None:
    """Write the report.

    Args:
        result: what it tells.
        image_of: index -> validation sample, (h, w, 3) uint8 BGR, with what the winner found in it.
        path: of the page.
        as_labelled: split -> (index -> its sample), for possible label errors.
    """
    write_whole(path, report_html(result, image_of, as_labelled))


def report_html(
    result: StudyResult, image_of: ImageOf, as_labelled: Mapping[str, ImageOf] | None = None
) -> str:
    """Return the whole page."""
    shares = measure_importances(result)
    body = [
        show_head(result),
        show_tiles(result),
        show_advice(result),
        '<div class="grid">',
        show_scores_over_time(result),
        show_learning_curves(result),
        show_importance(result, shares),
        show_comparisons(result),
        show_reliability(result),
        "</div>",
        show_front(result),
        show_confirmations(result),
        show_techniques(result),
        show_baselines(result),
        show_settings_and_scores(result, list(shares)),
        show_misreadings(result, image_of),
        show_confusions(result, image_of),
        show_label_errors(result, as_labelled or {}),
        show_trials(result),
        show_cost(result),
        _show_commands(result),
        _show_facts(result),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(result.name)}: search report</title><style>{read_style()}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _show_commands(result: StudyResult) -> str:
    blocks = [f"<p>{escape(why)}</p><pre>{escape(command)}</pre>" for why, command in result.commands.items()]
    return section("Commands", "".join(blocks)) if blocks else ""


def _show_facts(result: StudyResult) -> str:
    data = result.data
    facts = [
        (f"{split} {result.terms.samples}", f"{n}, {data.origins.get(split, '')}")
        for split, n in data.samples.items()
    ]
    facts += [(f"left out: {sample.source}", sample.reason) for sample in data.left_out]
    facts += [
        ("also started from", f"the winner of {one.study} ({one.data}, {one.samples} to train on)")
        for one in result.evidence.earlier
    ]
    facts += [("labels put right", str(data.repaired))] if data.repaired else []
    facts += [("dictionary", data.dictionary)] if data.dictionary else []
    facts += [(f"seed of {name}", str(seed)) for name, seed in result.seeds.items()]
    facts += list(result.versions.items())
    facts += [("disk", format_disk_use(result.disk))] if result.disk else []
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    return section("Data and versions", f"<dl>{rows}</dl>")
