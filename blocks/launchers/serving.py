"""The life of a worker process: orders in, events and outcomes out."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pickle
import signal
import socket
import sys
import threading
import traceback
from multiprocessing.connection import Connection

import threadpoolctl

from orepass.blocks.launchers.orders import Order
from orepass.blocks.launchers.packing import unpack
from orepass.call import Failure, LogLine, Outcome
from orepass.progress_reports import Progress
from orepass.work import perform


def serve(pipe: Connection, gpus: tuple[str, ...]) -> None:
    """Work off orders until the pipe closes.

    Args:
        pipe: to the flow, or to the Dask worker that this process works for.
        gpus: ids of the devices that it may see.
    """
    os.setpgrp()  # so that it can be ended with all that it started, and Ctrl-C is for the flow alone
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    _end_with_the_flow()
    while True:
        try:
            order: Order = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        pipe.send_bytes(pickle.dumps(_obey(order, pipe)))


def _obey(order: Order, pipe: Connection) -> Outcome:
    def tell(event: Progress | LogLine) -> None:
        pipe.send_bytes(pickle.dumps(event))

    try:
        os.chdir(order.folder)  # where the flow is now; the server process may have been started elsewhere
        sys.path += [place for place in order.path if place not in sys.path]
        call = unpack(order.payload)
    except Exception as error:  # whatever an import in the user's code may raise
        why = f"a worker cannot load it: {error!r}"
        return Outcome(0.0, Failure(why, traceback.format_exc(), None, socket.gethostname()))
    _limit_threads(order.cpus)
    return perform(call, tell, own_process=True)


def _end_with_the_flow() -> None:
    """Have this process, and all that it starts, killed when the flow's process ends, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if hasattr(fcntl, "F_SETSIG"):
        # Linux sends a signal when the pipe from the flow closes; a thread would have to wait for the interpreter's
        # lock, which C code may hold for long.
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETSIG, signal.SIGKILL)
        flags = fcntl.fcntl(parent.sentinel, fcntl.F_GETFL)
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, flags | os.O_ASYNC)

    join = parent.join

    def wait() -> None:
        join()
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


def _limit_threads(cpus: int) -> None:
    """Let numerical libraries use as many threads as the step has cores: those loaded, and those still to be."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(cpus)
    threadpoolctl.threadpool_limits(cpus)
