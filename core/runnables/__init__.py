"""Runnables: objects with a method `run`, written as YAML or made in Python."""

from orepass.runnables.building import Built, build, check_calls
from orepass.runnables.json_form import from_json, to_json
from orepass.runnables.link import Link
from orepass.runnables.reading import Document, is_runnables_document, read_documents
from orepass.runnables.runnable import Runnable, run_to_end
from orepass.runnables.search_spaces import Choice, Grid, Integers, LogUniform, Uniform
from orepass.runnables.tree import Call
from orepass.runnables.walking import calls, links, spaces, with_links, with_values

__all__ = [
    "Built",
    "Call",
    "Choice",
    "Document",
    "Grid",
    "Integers",
    "Link",
    "LogUniform",
    "Runnable",
    "Uniform",
    "build",
    "calls",
    "check_calls",
    "from_json",
    "is_runnables_document",
    "links",
    "read_documents",
    "run_to_end",
    "spaces",
    "to_json",
    "with_links",
    "with_values",
]
