"""How the lines of all trials are shown, and were cut out of photos: the same for each, so no trial varies it."""

from search.settings import StudySettings
from spaces.space import SearchSpace
from train.cut import Cut
from train.errors import UsageError
from train.system.dotted import nest


def find_upright(settings: StudySettings, space: SearchSpace) -> str:
    """Return what a study does with upright lines: what the space says, or else the command line.

    Raises UsageError if the space varies it: images are decoded once for all trials.
    """
    if any(parameter.key == "upright" for parameter in space.parameters):
        raise UsageError("a space must fix `upright`", space.name, "write `fixed: {upright: turn}` or as_is")
    return str(space.fixed.get("upright", settings.upright))


def find_cut(settings: StudySettings, space: SearchSpace) -> Cut | None:
    """Return how the lines of a study were cut out of photos: what the space says, or else the settings.

    Raises UsageError if the space says it where a detector finds the lines: then it is chosen.
    """
    fixed = {key: value for key, value in space.fixed.items() if key.startswith("cut.")}
    if not fixed:
        return settings.cut
    if settings.detection:
        rule = "a space must leave open how lines are cut where a detector finds them"
        raise UsageError(rule, ", ".join(fixed), "remove it: the search chooses it")
    return Cut.model_validate(nest(fixed)["cut"])
