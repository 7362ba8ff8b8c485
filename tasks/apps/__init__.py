"""Apps as modules: what runs an app spec as a step of a flow or a pipeline.

from orepass.tasks.apps import flow_from_app, task_from_app
from orepass.tasks.apps.app import AppConfig, app
"""

from orepass.tasks.apps.as_flow import flow_from_app
from orepass.tasks.apps.as_task import task_from_app

__all__ = ["flow_from_app", "task_from_app"]
