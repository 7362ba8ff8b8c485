"""The commands of users that a mining run has, looked at before it does anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orepass.errors import ConfigError
from orepass.tasks.apps.command import check_command, for_language

if TYPE_CHECKING:
    from orepass.flows.mining import MiningConfig


def check_commands(config: MiningConfig) -> None:
    """See whether the commands of the filters and of the encoder can run.

    Raises:
        ConfigError: one cannot; says which.
    """
    filters, encoder = config.filters, config.encoder
    encodes = encoder.name == "command" and (config.data is None or config.data.embeddings is None)
    for lang in (config.src_lang, config.tgt_lang):
        commands = [("filters", filters.command_for(lang), filters.app)]
        commands += [("encoder", for_language(encoder.command, lang), encoder.app)] if encodes else []
        for option, words, app in commands:
            try:
                if words:
                    check_command(words, app)
            except ConfigError as error:
                raise ConfigError(f"{option}.command={list(words)} cannot run. {error}") from None
