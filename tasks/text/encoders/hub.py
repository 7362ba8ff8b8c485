"""Models on the Hugging Face Hub: which commit a name stands for, and whether the Hub answers at all."""

from __future__ import annotations

import contextlib
import os

from orepass.errors import InputError
from orepass.tasks.text.encoders.neural import optional

_PATIENCE_S = 10.0


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
    hub, errors = optional("huggingface_hub"), optional("huggingface_hub.errors")
    # The place where sentence-transformers looks.
    where = {"revision": revision, "cache_dir": os.environ.get("SENTENCE_TRANSFORMERS_HOME")}
    with contextlib.suppress(errors.RevisionResolutionError, ValueError):
        return str(hub.resolve_revision(name, local_files_only=True, **where).resolved)
    ask_hub(name, revision)
    return str(hub.resolve_revision(name, **where).resolved)


def ask_hub(name: str, revision: str | None = None) -> None:
    """Ask the Hub for a model, and wait ten seconds at most: most calls of its library wait longer, some for ever.

    Raises:
        InputError: see `commit_of`.
    """
    hub, errors = optional("huggingface_hub"), optional("huggingface_hub.errors")
    try:
        hub.HfApi().model_info(name, revision=revision, timeout=_PATIENCE_S)
    except (errors.HfHubHTTPError, ValueError) as error:
        raise InputError(
            f"There is no folder {name!r}, and as the name of a model the Hugging Face Hub does not take it"
            f"{'' if revision is None else f' with revision {revision!r}'}: {str(error).splitlines()[0]} Check "
            "encoder.model; a private model needs a token (`hf auth login`)."
        ) from error
    except Exception as error:  # offline mode, no network, no answer: whatever the HTTP client calls it
        raise InputError(
            f"The model {name!r} is neither a folder nor whole in the local cache, and the Hugging Face Hub cannot be "
            f"reached ({type(error).__name__}: {error}). Download it where there is a network "
            f"(`hf download {name} --local-dir FOLDER`) and set encoder.model=FOLDER."
        ) from error
