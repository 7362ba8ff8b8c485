"""A real Slurm on this machine for tests: three nodes, two fake GPUs, a few partitions. Debian's packages, own ports.

python tests/slurm/cluster.py up FOLDER      # prints the SLURM_CONF to export
python tests/slurm/cluster.py down FOLDER
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from host import alive, command, descendants, free_ports, install, open_files, pids, variables, wait

CPU_NODES = ("cpu1", "cpu2")
GPU_NODE = "gpu1"
NODES = (*CPU_NODES, GPU_NODE)
CPUS = 4
MEMORY_MB = 4000

# The time limit of a job is looked at only every 30 s, which is compiled in; memory every second.
# A node is given up after SlurmdTimeout; the check for that comes every SlurmdTimeout/3 s.
_CONF = """\
ClusterName=orepass
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={root}/munge/socket
CredType=cred/munge
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
ReturnToService=2
SlurmctldPort={port}
StateSaveLocation={root}/state
SlurmctldPidFile={root}/run/slurmctld.pid
SlurmdPidFile={root}/run/%n.pid
SlurmdSpoolDir={root}/spool/%n
SlurmctldLogFile={root}/log/slurmctld.log
SlurmdLogFile={root}/log/%n.log
SlurmctldTimeout=10
SlurmdTimeout=10
InactiveLimit=0
KillWait=2
CompleteWait=0
MinJobAge=300
OverTimeLimit=0
Waittime=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0,requeue_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
DefMemPerCPU=200
JobRequeue=1
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
{accounting}
"""

_PARTITIONS = """\
PartitionName=cpu Nodes=cpu[1-2] Default=YES PriorityTier=5 PreemptMode=OFF MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=gpu1 PriorityTier=5 PreemptMode=OFF MaxTime=INFINITE State=UP
PartitionName=low Nodes=cpu1 PriorityTier=1 PreemptMode=REQUEUE MaxTime=INFINITE State=UP
PartitionName=scrap Nodes=cpu1 PriorityTier=1 PreemptMode=CANCEL MaxTime=INFINITE State=UP
PartitionName=high Nodes=cpu1 PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP
PartitionName=all Nodes=cpu[1-2],gpu1 PriorityTier=5 PreemptMode=OFF MaxTime=INFINITE State=UP
"""


class Cluster:
    """A Slurm whose daemons run as this process's user, root, under one folder.

    Nodes cpu1 and cpu2 (partition `cpu`, the default) and gpu1 (`gpu`), four CPUs and 4,000 MB each. Jobs in the
    partitions `low` (requeued) and `scrap` (cancelled), both on cpu1, are preempted by those in `high`. All
    three nodes are in `all`.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.accounting = "AccountingStorageType=accounting_storage/none"  # lines of slurm.conf

    @property
    def environment(self) -> dict[str, str]:
        """What Slurm's commands need to find this cluster."""
        return {"SLURM_CONF": str(self.root / "slurm.conf")}

    def up(self) -> None:
        """Start the daemons that do not run and wait until the nodes can be used.

        Raises:
            SlurmUnavailable: not root, or Slurm is missing and cannot be installed.
        """
        try:
            self.start_munge()
            if self._pid("slurmctld") is None:
                self._configure()
            self.start_slurmctld()
            for node in NODES:
                self.start_slurmd(node)
            wait(self._all_idle, "the nodes to be idle", 30)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Cancel all jobs and stop all daemons."""
        with contextlib.suppress(subprocess.SubprocessError, RuntimeError, TimeoutError):
            if self._pid("slurmctld") and (jobs := self.job_ids()):
                self.run("scancel", *jobs, check=False)
                wait(lambda: not self.job_ids(), "the jobs to end", 10)
        for name in (*NODES, "slurmctld", "slurmdbd", "mariadbd", "munged"):
            self._stop(name)
        for pid in self.stepds():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def run(self, *command: str, check: bool = True, timeout: float = 30, **options: Any) -> str:
        """Run a command of Slurm; what it prints."""
        # A daemon that is started by a test that plays a job would be taken for a process of that job.
        environment = {name: value for name, value in os.environ.items() if name != "SLURM_JOB_ID"} | self.environment
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, **options)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout.strip()

    def squeue(self, columns: str = "%A %j %T %P %r", *arguments: str) -> list[str]:
        """The jobs that wait or run, a line each."""
        return self.run("squeue", "--noheader", f"--format={columns}", *arguments).splitlines()

    def job_ids(self, name: str | None = None) -> list[str]:
        """The ids of the jobs that wait or run, all or those of a name."""
        return self.squeue("%A", *([f"--name={name}"] if name else []))

    def submit(self, script: str, *arguments: str) -> str:
        """Submit a batch script, given as the text of it; its job id. Output goes under the cluster's folder."""
        out = f"--output={self.root}/log/job-%j.out"
        return self.run("sbatch", "--parsable", out, *arguments, input=f"#!/bin/bash\n{script}\n", cwd=self.root)

    def job(self, job_id: str) -> dict[str, str]:
        """What `scontrol show job` says, as keys and values."""
        words = self.run("scontrol", "--oneliner", "show", "job", job_id).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for(self, job_id: str, *states: str, seconds: float = 60) -> dict[str, str]:
        """Wait until a job is in one of the states; what Slurm says of it then."""
        wait(lambda: self.job(job_id)["JobState"] in states, f"job {job_id} to be {states}", seconds)
        return self.job(job_id)

    def reach_time_limit(self, job_id: str) -> None:
        """Let a running job reach its time limit now: limits are whole minutes. It is ended within 30 s."""
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(time.time() + 1))
        self.run("scontrol", "update", f"JobId={job_id}", f"EndTime={now}")

    def start_requeued(self, job_id: str) -> None:
        """Let a requeued job start: by itself it would wait for two minutes."""
        wait(lambda: self.job(job_id)["Reason"] == "BeginTime", f"job {job_id} to be requeued", 20)
        ran = f"SLURM_JOB_ID={job_id}"
        wait(lambda: not any(ran in variables(pid) for pid in self.processes()), f"job {job_id} to be gone", 20)
        time.sleep(2)  # a node refuses a job whose credential is of the same second as the end of its last run
        self.run("scontrol", "update", f"JobId={job_id}", "StartTime=now")

    def clean_up(self) -> None:
        """Start what a test has killed, cancel every job, and wait until all nodes are idle."""
        self.start_slurmctld()
        for node in NODES:
            self.start_slurmd(node)
        if ids := self.job_ids():
            self.run("scancel", *ids, check=False)
        wait(lambda: not self.job_ids() and self._all_idle(), "all jobs to be gone", 60)

    def start_munge(self) -> None:
        """Install Slurm, if it is missing, and start what its daemons know each other by.

        Raises:
            SlurmUnavailable: not root, or Slurm is missing and cannot be installed.
        """
        install("slurm-wlm", "munge", programs=("slurmctld", "slurmd", "munged"))
        for name in ("state", "log", "run", "munge", "dev", *(f"spool/{node}" for node in NODES)):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o755)  # every folder above the socket must be open to all
        folder = self.root / "munge"
        key = folder / "key"
        if not key.exists():
            key.touch(0o600)
            key.write_bytes(os.urandom(128))
        options = {"socket": folder / "socket", "pid-file": self._pid_file("munged"), "key-file": key}
        options |= {"log-file": self.root / "log/munged.log", "seed-file": folder / "seed"}
        self._start("munged", "munged", "--force", *(f"--{name}={path}" for name, path in options.items()))

    def start_slurmctld(self, forget: bool = False) -> None:
        """Start the controller, if it does not run; it may forget all jobs."""
        self._start("slurmctld", "slurmctld", "-i", *(["-c"] if forget else []))
        wait(lambda: "UP" in self.run("scontrol", "ping", check=False), "slurmctld to answer", 20)

    def kill_slurmctld(self) -> None:
        """Kill the controller: nothing can be asked any more, and what runs goes on."""
        self._kill("slurmctld")
        # Its last threads may still take connections, and reset them.
        wait(lambda: "DOWN" in self.run("scontrol", "ping", check=False), "slurmctld to be gone", 20)

    def start_slurmd(self, node: str) -> None:
        """Start the daemon of a node, if it does not run."""
        self._start(node, "slurmd", "-N", node)

    def kill_slurmd(self, node: str, steps: bool = False) -> None:
        """Kill the daemon of a node with SIGKILL: the node stops answering, and its jobs go on by themselves.

        Args:
            node: its name.
            steps: kill its jobs too, as if its machine had lost power.
        """
        self._kill(node)
        if steps:
            stepds = self.stepds(node)
            # These first: one that sees its script die would still tell the controller.
            for pid in [*stepds, *[child for stepd in stepds for child in descendants(stepd)]]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait(lambda: not any(map(alive, stepds)), f"the jobs on {node} to end", 10)

    def kill_worker(self, job_id: str) -> None:
        """Kill the Dask worker of a job with SIGKILL, and nothing else of it."""
        for pid in self.processes():
            if f"SLURM_JOB_ID={job_id}" in variables(pid) and "dask_worker" in command(pid):
                os.kill(pid, signal.SIGKILL)
                return
        raise LookupError(f"job {job_id} has no Dask worker")

    def restart_slurmd(self, node: str) -> None:
        """Start the daemon of a node again and wait until the node can be used."""
        self.start_slurmd(node)
        wait(lambda: node in self._usable(), f"{node} to be usable", 60)

    def stepds(self, node: str | None = None) -> list[int]:
        """The processes (slurmstepd) that look after the jobs of a node, or of all of this cluster's."""
        logs = {str(self.root / f"log/{name}.log") for name in ([node] if node else NODES)}
        return [pid for pid in pids() if command(pid).startswith("slurmstepd") and logs & open_files(pid)]

    def processes(self) -> list[int]:
        """All processes that jobs have started, also those that Slurm has lost sight of."""
        conf = f"SLURM_CONF={self.environment['SLURM_CONF']}"
        return [
            pid
            for pid in pids()
            if conf in variables(pid) and any(each.startswith("SLURM_JOB_ID=") for each in variables(pid))
        ]

    def _usable(self) -> set[str]:
        return set(self.run("sinfo", "-h", "-N", "-t", "idle,mix,alloc", "-o", "%N", check=False).split())

    def _all_idle(self) -> bool:
        return set(self.run("sinfo", "-h", "-N", "-t", "idle", "-o", "%N", check=False).split()) == set(NODES)

    def _configure(self) -> None:
        host = socket.gethostname().partition(".")[0]
        first, *others = free_ports(1 + len(NODES))
        lines = _CONF.format(host=host, root=self.root, port=first, accounting=self.accounting)
        for node, port in zip(NODES, others, strict=True):
            gpus = " Gres=gpu:2 Feature=a100" if node == GPU_NODE else ""
            lines += f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} "
            lines += f"RealMemory={MEMORY_MB}{gpus} State=UNKNOWN\n"
        (self.root / "slurm.conf").write_text(lines + _PARTITIONS)
        for number in (0, 1):
            # A GPU must be a character device for Slurm to hand it out: a clone of /dev/null is one.
            device = self.root / f"dev/nvidia{number}"
            if not device.exists():
                os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (self.root / "gres.conf").write_text(f"NodeName={GPU_NODE} Name=gpu File={self.root}/dev/nvidia[0-1]\n")

    def _start(self, name: str, *command: str) -> None:
        if self._pid(name) is not None:
            return
        self._pid_file(name).unlink(missing_ok=True)
        try:
            self.run(*command, cwd=self.root)  # it puts itself into the background
            wait(lambda: self._pid(name) is not None, f"{name} to start", 20)
        except (RuntimeError, TimeoutError) as error:
            log = self.root / f"log/{name}.log"
            raise RuntimeError(f"{error}\n{log.read_text()[-2000:] if log.exists() else ''}") from None

    def _stop(self, name: str) -> None:
        pid = self._pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                wait(lambda: not alive(pid), f"{name} to end", 10)
            self._kill(name)

    def _kill(self, name: str) -> None:
        pid = self._pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            wait(lambda: not alive(pid), f"{name} to end", 10)
        self._pid_file(name).unlink(missing_ok=True)

    def _pid_file(self, name: str) -> Path:
        return self.root / f"run/{name}.pid"

    def _pid(self, name: str) -> int | None:
        with contextlib.suppress(OSError, ValueError):
            pid = int(self._pid_file(name).read_text())
            return pid if alive(pid) else None
        return None


def _main(arguments: Sequence[str]) -> int:
    match arguments:
        case ["up", folder]:
            cluster = Cluster(Path(folder).absolute())
            cluster.up()
            print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}")
        case ["down", folder]:
            Cluster(Path(folder).absolute()).down()
        case ["guard", folder]:  # the end of what started this, however it ends, closes the pipe
            sys.stdin.read()
            Cluster(Path(folder)).down()
            shutil.rmtree(folder, ignore_errors=True)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
