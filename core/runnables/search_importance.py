"""How much each parameter of a search has to do with the metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import optuna

from orepass.runnables.search_choices import distribution, drawn_as
from orepass.runnables.search_result import COMPLETE, Trial
from orepass.runnables.search_spaces import Space


def importances(found: Mapping[str, Space], trials: Sequence[Trial], direction: str) -> dict[str, float]:
    """The share of each parameter in what made trials good: PED-ANOVA (Watanabe et al., 2023), as Optuna computes it.

    Args:
        found: the search spaces by path.
        trials: of a search; those that are complete count.
        direction: `maximize` or `minimize`.

    Returns:
        Shares that add up to 1, by path, the largest first; nothing, if all trials had the same metric or there are
        fewer than two.
    """
    complete = [trial for trial in trials if trial.state == COMPLETE]
    if len({trial.metric for trial in complete}) < 2:
        return {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=optuna.study.StudyDirection[direction.upper()])
    distributions = {path: distribution(space) for path, space in found.items()}
    for trial in complete:
        params = {path: drawn_as(space, trial.params[path]) for path, space in found.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=trial.metric))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
