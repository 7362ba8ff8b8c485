"""The accounts of a Slurm for tests: slurmdbd and its database, under one folder, on 127.0.0.1."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cluster import Cluster
from host import free_ports, install, wait

_SLURMDBD = """\
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CommunicationParameters=NoInAddrAny
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
PidFile={root}/run/slurmdbd.pid
LogFile={root}/log/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={storage_port}
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
"""
_CONF = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={root}/munge/socket
"""


@contextlib.contextmanager
def accounts(cluster: Cluster) -> Iterator[None]:
    """Let a cluster that is still to be started keep accounts.

    Raises:
        SlurmUnavailable: not root, or the packages are missing and cannot be installed.
    """
    install("slurmdbd", "mariadb-server", programs=("slurmdbd", "mariadbd"))
    cluster.start_munge()
    port, storage_port = free_ports(2)
    cluster.accounting = _CONF.format(root=cluster.root, port=port)
    conf = cluster.root / "slurmdbd.conf"
    conf.touch(0o600)
    conf.write_text(_SLURMDBD.format(root=cluster.root, port=port, storage_port=storage_port))
    environment = {**os.environ, **cluster.environment}
    with (
        _database(cluster.root, storage_port),
        subprocess.Popen(["slurmdbd", "-D"], env=environment, stderr=subprocess.DEVNULL) as slurmdbd,
    ):
        try:
            wait(lambda: _listens(port), "slurmdbd to listen", 30)
            yield
        finally:
            slurmdbd.terminate()


@contextlib.contextmanager
def _database(root: Path, port: int) -> Iterator[None]:
    data, log = root / "database", root / "log/mariadbd.log"
    make = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=mysql"]
    subprocess.run([*make, "--auth-root-authentication-method=socket"], check=True, capture_output=True, timeout=60)
    users = root / "users.sql"
    users.write_text(
        "CREATE DATABASE slurm;\n"
        "CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm';\n"
        "GRANT ALL ON slurm.* TO slurm@'127.0.0.1';\n"
    )
    run = ["mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}", f"--socket={data}/socket"]
    listen = ["--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve", f"--init-file={users}"]
    with log.open("wb") as output, subprocess.Popen([*run, *listen], stdout=output, stderr=output) as mariadbd:
        try:
            (root / "run/mariadbd.pid").write_text(str(mariadbd.pid))  # so that it can be stopped whatever happens
            wait(lambda: _listens(port), "mariadbd to listen", 30)
            yield
        finally:
            mariadbd.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
