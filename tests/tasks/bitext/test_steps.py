from __future__ import annotations

import pickle

from orepass import Module
from orepass.tasks import bitext


def test_every_step_is_importable_by_its_name_and_travels_by_it() -> None:
    for name in bitext.__all__:
        step = getattr(bitext, name)
        assert isinstance(step, Module) and step.name == name
        assert pickle.loads(pickle.dumps(step)) is step
