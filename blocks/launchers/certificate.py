"""A certificate for one run, which both sides of its Dask connections show."""

from __future__ import annotations

import os
from pathlib import Path

from distributed import Security

_FILES = ("certificate.pem", "key.pem")


def make_certificate(folder: Path) -> Security:
    """Make a key and a certificate that it has signed itself, and put them where the workers can read them.

    Args:
        folder: closed to other users; whoever can read it can connect.

    Returns:
        What Dask's scheduler, workers and clients need to talk to each other and to nobody else.
    """
    made = Security.temporary()
    certificate, key = (folder / name for name in _FILES)
    for path, text in ((certificate, made.tls_ca_file), (key, made.tls_client_key)):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
    shown = {
        f"tls_{role}_{part}": str(path)
        for role in ("client", "scheduler", "worker")
        for part, path in (("cert", certificate), ("key", key))
    }
    return Security(require_encryption=True, tls_ca_file=str(certificate), **shown)


def remove_certificate(folder: Path) -> None:
    """Remove what `make_certificate` has made."""
    for name in _FILES:
        (folder / name).unlink(missing_ok=True)
