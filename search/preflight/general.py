"""What general lines mean for a study: what the models read of them, and which charsets keep that."""

from collections.abc import Sequence

from search.preflight.data import StudyData
from search.preflight.narrowing import Narrowed, list_models
from search.preflight.probing.probe import Probe
from search.records.facts import GeneralSummary
from search.records.ranking import ROUNDING, Forgetting
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.config import TrialConfig
from train.errors import UsageError
from train.loop import charset_for
from train.tasks import TASKS

CHARSET, DOMAIN = "charset", "domain"


def limit_forgetting(settings: StudySettings, probes: Sequence[Probe], data: StudyData) -> Forgetting | None:
    """Return what the models as published read of the general lines and may forget; None without any."""
    if data.training.general is None:
        return None
    scores = {probe.model: probe.published.general for probe in probes if probe.published.general}
    primary = {model: read.primary for model, read in scores.items()}
    return Forgetting(primary, settings.max_forgetting, max(read.steps for read in scores.values()))


def drop_forgetful_charset(space: SearchSpace, forgetting: Forgetting | None, data: StudyData) -> Narrowed:
    """Leave out the domain's charset where a head of it forgets too much, however it is trained.

    A line with a character that the head lacks cannot be read: where these lines alone exceed the limit, no trial with
    that charset could keep it.

    Raises:
        UsageError: if nothing else is in the space.
    """
    general = data.training.general
    charsets = space.choices(CHARSET) or (TrialConfig().charset,)
    spells = TASKS.get(str(space.fixed.get("task", TrialConfig().task))).spells
    if (
        not spells
        or forgetting is None
        or forgetting.limit is None
        or general is None
        or DOMAIN not in charsets
    ):
        return space, ""
    charset = charset_for(TrialConfig(), data.training.train, dictionary=data.training.dictionary)
    able = sum(not charset.unknown(text) for text in general.texts) / len(general)
    least = min(forgetting.published[model] for model in list_models(space)) - able
    if least <= forgetting.limit + ROUNDING:
        return space, ""
    able_text = f"the domain's characters write {100 * able:.0f} % of the general lines"
    others = [charset for charset in charsets if charset != DOMAIN]
    if not others:
        raise UsageError(
            f"a trial may forget {forgetting.limit:g}, and the space has charset: domain alone",
            f"at least {least:.3f}, as {able_text}",
            "use a space with charset: keep (--space recognition), or raise --max-forgetting",
        )
    reason = f"{able_text}: left out charset domain, which forgets at least {least:.3f}"
    return space.forced(CHARSET, others[0]), reason


def summarise_general(settings: StudySettings, data: StudyData) -> GeneralSummary | None:
    """Return what the study asked of the general lines; None without any."""
    lines, replay = data.training.general, data.training.replay
    if lines is None:
        return None
    return GeneralSummary(
        lines=len(lines), replay_lines=len(replay or ()), max_forgetting=settings.max_forgetting
    )
