"""The report's part on accuracy and latency: every trial as a point, and the Pareto front."""

from search import report_svg as svg
from search.report_charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from search.report_parts import section, table
from search.report_svg import Axis
from search.results import StudyResult
from search.table import gain_text, latency_text, with_interval


def front(result: StudyResult) -> str:
    """Return the scatter and the front; nothing with one objective."""
    if not result.evidence.front:
        return ""
    caption = (
        "Milliseconds for an image: the exported network in onnxruntime on one thread, the median over real images, "
        "one at a time; in brackets the fastest and the slowest repetition. Measured once for each architecture, "
        "before the first trial. Chosen is the fastest trial that is not surely worse than the most accurate one."
    )
    by_id = {trial.id: trial for trial in result.trials}
    rows = []
    for one in result.evidence.front:
        best, mark = by_id[one.trial].best, "chosen" if one.chosen else ""
        score = with_interval(best.scores) if best else ""
        rows.append([one.trial, mark, latency_text(one.latency), score, gain_text(one.against_best)])
    head = ("trial", "", "latency", result.words.scores[0], "against the best")
    return section("Accurate and fast", scatter(result) + table(head, rows, 2), caption)


def scatter(result: StudyResult) -> str:
    """Draw score over latency of every scored trial; the winner is marked."""
    points = [(t.latency.ms, t.best, t) for t in result.ranked if t.latency and t.best]
    if not points:
        return ""
    ticks_x = svg.nice_ticks(0, max(ms for ms, *_ in points), 6)
    scores = [best.scores.primary for _, best, _ in points]
    ticks_y = svg.nice_ticks(min(scores), max(scores))
    x, y = Axis(ticks_x[0], ticks_x[-1], LEFT, RIGHT), Axis(ticks_y[0], ticks_y[-1], BOTTOM, TOP)
    label = f"{result.words.scores[0]} on the validation {result.words.samples}"
    formats = (lambda v: f"{v:g}", lambda v: f"{100 * v:g} %")
    parts = svg.axes(x, y, (ticks_x, ticks_y), ("ms for an image", label), formats)
    for ms, best, trial in points:
        title = f"trial {trial.id}, {trial.config.model}: {with_interval(best.scores)} in {ms:.1f} ms"
        kind = "winner" if trial is result.winner else "series0"
        parts.append(svg.group([svg.mark((x.at(ms), y.at(best.scores.primary)), "dot", "end")], title, kind))
    return svg.drawing(WIDTH, HEIGHT, parts, f"Score and latency of {len(points)} trials")
