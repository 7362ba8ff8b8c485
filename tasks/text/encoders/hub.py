"""Models on the Hugging Face Hub: which commit a name stands for."""

from __future__ import annotations

import os

from orepass.errors import InputError
from orepass.tasks.text.encoders.neural import optional


def commit_of(name: str, revision: str | None = None) -> str:
    """The commit that a model's name stands for: that in the local cache, else that of the Hub.

    A model that was downloaded once stays as it is: the Hub is not asked whether there is a newer one. What the Hub
    says is put in the cache, so that every later call, in every process that shares the cache, gives the same.

    Args:
        name: `organisation/model`.
        revision: a branch, tag or commit; None for the main branch.

    Returns:
        40 hexadecimal digits.

    Raises:
        ConfigError: huggingface_hub is not installed.
        InputError: no such model or revision, or the Hub cannot be reached.
    """
    hub = optional("huggingface_hub")
    cache = os.environ.get("SENTENCE_TRANSFORMERS_HOME")  # the place where sentence-transformers looks
    try:
        for local in (True, False):
            try:
                found = hub.resolve_revision(name, revision=revision, cache_dir=cache, local_files_only=local)
                return str(found.resolved)
            except hub.errors.RevisionResolutionError as error:
                missing = error
    except Exception as error:  # of the HTTP client, of the Hub, or of the check of the name
        raise InputError(
            f"There is no folder {name!r}, and as the name of a model the Hugging Face Hub does not take it"
            f"{'' if revision is None else f' with revision {revision!r}'}: {str(error).splitlines()[0]} Check "
            "encoder.model; a private model needs a token (`hf auth login`)."
        ) from error
    raise InputError(
        f"The model {name!r} is neither a folder nor in the local cache, and cannot be downloaded: {missing}\n"
        f"Download it where there is a network (`hf download {name} --local-dir FOLDER`) and set encoder.model=FOLDER."
    ) from missing
