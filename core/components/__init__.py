"""Components: functions that return app specs."""

from orepass.components.arguments import Argument, arguments_of
from orepass.components.building import asks_for_help, build_app
from orepass.components.component import Component
from orepass.components.finding import find_component, list_components
from orepass.components.help import help_of
from orepass.components.settings import Settings, read_settings

__all__ = [
    "Argument",
    "Component",
    "Settings",
    "arguments_of",
    "asks_for_help",
    "build_app",
    "find_component",
    "help_of",
    "list_components",
    "read_settings",
]
