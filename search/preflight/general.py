"""What general lines mean for a study: the space that goes with them, and what the models knew."""

from collections.abc import Sequence

from search.preflight.data import StudyData
from search.preflight.probe import Probe
from search.preflight.space import candidates
from search.records.facts import GeneralSummary
from search.records.ranking import ROUNDING, Forgetting
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.data.charset import domain_charset
from train.errors import UsageError
from train.tasks import TASKS

CHARSET, DOMAIN = "charset", "domain"


def known_before(settings: StudySettings, probes: Sequence[Probe], data: StudyData) -> Forgetting | None:
    """Return what the models as published read of the general lines; None without any."""
    if data.training.general is None:
        return None
    found = {p.model: p.published.general for p in probes if p.published.general}
    known = {model: scores.primary for model, scores in found.items()}
    return Forgetting(known, settings.max_forgetting, max(scores.steps for scores in found.values()))


def reachable(space: SearchSpace, known: Forgetting | None, data: StudyData) -> SearchSpace:
    """Leave out the domain's charset where a head of it forgets too much, however it is trained; say so.

    A line with a character that the head lacks cannot be read. If without such lines too few are left, trying is a
    waste.

    Raises:
        UsageError: if nothing else is in the space.
    """
    general = data.training.general
    charsets = space.choices(CHARSET) or (TrialConfig().charset,)
    spells = TASKS.get(str(space.fixed.get("task", TrialConfig().task))).spells
    if not spells or known is None or known.limit is None or general is None or DOMAIN not in charsets:
        return space
    charset = domain_charset(data.training.train.texts)
    able = sum(not charset.unknown(text) for text in general.texts) / len(general)
    least = min(known.known[model] for model in candidates(space)) - able
    if least <= known.limit + ROUNDING:
        return space
    found = f"the domain's characters write {100 * able:.0f} % of the general lines"
    kept = [charset for charset in charsets if charset != DOMAIN]
    if not kept:
        raise UsageError(
            f"a trial may forget {known.limit:g}, and the space has charset: domain alone",
            f"at least {least:.3f}, as {found}",
            "use a space with charset: keep (--space recognition), or raise --max-forgetting",
        )
    print(f"{found}: left out charset domain, which forgets at least {least:.3f}", flush=True)
    return space.forced(CHARSET, kept[0])


def general_summary(settings: StudySettings, data: StudyData) -> GeneralSummary | None:
    """Return what the study asked of the general lines; None without any."""
    lines, replay = data.training.general, data.training.replay
    if lines is None:
        return None
    return GeneralSummary(
        lines=len(lines), replay_lines=len(replay or ()), max_forgetting=settings.max_forgetting
    )
