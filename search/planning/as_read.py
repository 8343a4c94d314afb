"""What the pretrained baselines decide of a space: the width of the lines, and the charset."""

from collections.abc import Sequence

from search.preflight.narrowing import Narrowed, list_models
from search.preflight.probing.probe import Probe
from search.settings import StudySettings
from spaces.space import SearchSpace
from train.data.checks.evidence import MANY_UNSEEN


def fix_as_read(
    space: SearchSpace, probes: Sequence[Probe], settings: StudySettings, unseen: float = 0
) -> Narrowed:
    """Fix what the pretrained baselines decide: the width of the lines, and the domain's charset where that is enough.

    Only models that are searched count. The whole dictionary stays in the space for general lines, which may need it,
    and where a share MANY_UNSEEN of the lines to come hold a character that no training label has (`unseen`).
    """
    probes = [probe for probe in probes if probe.model in list_models(space)]
    reasons = []
    width, widths = find_common_width(probes), space.choices("fit_width")
    if width in widths:
        space = space.with_fixed({"fit_width": width})
        how = f"resampled to {width} pixels" if width else "as wide as they are"
        reasons += [f"every model reads lines best {how}: fixed"] if len(widths) > 1 else []
    elif len(widths) > 1 and (best := find_own_widths(probes)):
        space = space.with_choices("fit_width", sorted(set(best.values())))
        listed = ", ".join(f"{name} {width or 'as they are'}" for name, width in best.items())
        reasons += [f"models read best at different widths of lines, each starts at its own: {listed}"]
    needed = settings.general_labels is not None or unseen >= MANY_UNSEEN
    needed = needed or any(probe.needs_dictionary for probe in probes)
    charsets = space.choices("charset")
    if not needed and "domain" in charsets:
        space = space.with_fixed({"charset": "domain"})
        why = "no model reads better with its whole dictionary: left out charset keep"
        reasons += [why] if len(charsets) > 1 else []
    return space, "; ".join(reasons)


def find_own_widths(probes: Sequence[Probe]) -> dict[str, int]:
    """Return the width at which each model reads best; nothing where one cannot read yet."""
    widths = {probe.model: probe.fit_width for probe in probes}
    return (
        {model: width for model, width in widths.items() if width is not None}
        if all(width is not None for width in widths.values())
        else {}
    )


def find_common_width(probes: Sequence[Probe]) -> int | None:
    """Return the width that every model reads best at; None if they differ or one cannot read yet."""
    widths = {probe.fit_width for probe in probes}
    return widths.pop() if len(widths) == 1 else None
