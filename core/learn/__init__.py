"""Training of models. Neither torch nor accelerate is imported before something is trained."""

from __future__ import annotations

from orepass.learn.lightning import LightningTrainer
from orepass.learn.trainer import Trainer

__all__ = ["LightningTrainer", "Trainer"]
