"""The machines that a run is on."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess

ENVIRONMENT_VARIABLE = "OREPASS_HOSTS"
"""What a launcher tells its steps: the addresses of the machines that work for the flow, as far as it knows them."""


def find_hosts() -> tuple[str, ...]:
    """The IP addresses of the machines of a run.

    They are those that the launcher told of, and this one; else those of the nodes of the Slurm job that this process
    is in; else this machine's.
    """
    if told := os.environ.get(ENVIRONMENT_VARIABLE):
        return tuple(sorted({*told.split(","), _own_address()}))
    nodes = os.environ.get("SLURM_JOB_NODELIST")
    if nodes:
        # In a container there may be no Slurm.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            command = ["scontrol", "show", "hostnames", nodes]
            said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
            return tuple(map(_address_of, said.split()))
    return (_own_address(),)


def _address_of(host: str) -> str:
    try:
        address = socket.gethostbyname(host)
    except OSError:
        return host
    # A machine's own name often stands for an address that others cannot reach.
    return _own_address() if address.startswith("127.") and host == socket.gethostname() else address


def _own_address() -> str:
    """The address that this machine has for others."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, only asks which way it would go (RFC 5737)
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"
