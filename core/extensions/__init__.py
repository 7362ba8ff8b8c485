"""Extensions: packages that a YAML document declares, installed beside the user's environment.

    extensions = read_extensions({"my_ext": "./extension"}, folder=document.parent)
    planned = plan(extensions)  # what will be installed, for people to see
    activate(install(planned))

A source (`sources`) is resolved to one state of itself, which names a folder (`places`); pip or uv (`installers`) fill
it, with what the environment lacks (`distributions`).
"""

from orepass.extensions.activation import Installed, activate, as_variables, dumps, loads, sources_of
from orepass.extensions.declaration import Extension, read_extensions
from orepass.extensions.installing import install
from orepass.extensions.planning import Planned, plan

__all__ = [
    "Extension",
    "Installed",
    "Planned",
    "activate",
    "as_variables",
    "dumps",
    "install",
    "loads",
    "plan",
    "read_extensions",
    "sources_of",
]
