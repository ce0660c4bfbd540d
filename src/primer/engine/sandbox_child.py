"""The inside of the sandbox: a script of its own, started by `sandbox.run_python` and never imported.

It takes its process out of the system as far as the mechanism allows, starts the program in it, watches over it and
ends whatever the program leaves behind. Only the standard library: it starts without the site's packages, and quickly.

    launcher  (namespaces only) leaves the network, the other processes and the mounts behind
    keeper    process 1 in there; builds the file system, waits for the program, sums up memory, kills what is left
    program   bounds itself, gives up its rights, and becomes `python program.py`
"""

import ctypes
import json
import os
import resource
import signal
import struct
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

LINUX = sys.platform == "linux"
NOBODY = 65534
# <sched.h>, <sys/mount.h>, <sys/prctl.h>; the three system calls have these numbers on every architecture
NEW_USER, NEW_ALL_BUT_USER = 0x10000000, 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MNT_DETACH, AT_RECURSIVE, AT_FDCWD = 2, 0x8000, -100
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_CHILD_SUBREAPER = 1, 4, 38, 36
SYS_MOUNT_SETATTR, SYS_LANDLOCK_CREATE, SYS_LANDLOCK_ADD, SYS_LANDLOCK_RESTRICT = 442, 444, 445, 446
# Landlock's rights, bit by bit: <linux/landlock.h>
READ_RIGHTS = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15  # those that a single file can have
SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/etc/ld.so.cache")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
TICK = 0.02  # seconds between two looks at the program's memory
WAKING = {signal.SIGCHLD, signal.SIGTERM}  # what the keeper waits for

libc = ctypes.CDLL(None, use_errno=True)


def main(options: dict[str, Any]) -> None:
    """Run the program and write what became of it to the report's descriptor."""
    os.set_inheritable(options["report"], False)
    options["root"] = os.geteuid() == 0  # truly, and not in a namespace of its own
    if LINUX:
        call("prctl", PR_SET_PDEATHSIG, signal.SIGTERM)  # when the parent has died nobody else is left to stop us
    if options["mechanism"] == "namespaces":
        leave_namespaces()
        launched = os.fork()
        if launched:
            sys.exit(max(0, os.waitstatus_to_exitcode(os.waitpid(launched, 0)[1])))
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
        build_root(options)
        options |= {"folder": "/", "work": "/work"}
    keep(options)


def call(name: str, *arguments: Any) -> int:
    """A function of the C library. Raises OSError, naming it, if it fails."""
    result = int(getattr(libc, name)(*(ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")
    return result


# --- namespaces ---


def leave_namespaces() -> None:
    """Into a network without devices, and mounts, processes and names of our own."""
    if os.geteuid() != 0:
        enter_user_namespace(0)
    call("unshare", NEW_ALL_BUT_USER)


def enter_user_namespace(inside: int) -> None:
    """Into users of our own, of which there is one: `inside` is who we are outside."""
    user, group = os.geteuid(), os.getegid()
    call("prctl", PR_SET_DUMPABLE, 1)  # or /proc/self would be root's after a setuid, and until exec
    call("unshare", NEW_USER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{inside} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {group} 1")


def build_root(options: dict[str, Any]) -> None:
    """A file system of the system's programs and libraries, Python and the program, read-only, and one folder to
    write to, in memory. What is not put there cannot be named."""
    program = Path(options["folder"], "program.py").read_bytes()
    root = Path(options["folder"])
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    mount("tmpfs", str(root), "tmpfs", MS_NOSUID | MS_NODEV, b"mode=755,size=1m")
    for name in (*SYSTEM_FOLDERS, *DEVICES, options["prefix"]):
        show(Path(name), root)
    (root / "program.py").write_bytes(program)
    for name in ("work", "proc", "old"):
        (root / name).mkdir()
    with suppress(OSError):  # a container that hides parts of /proc allows no new one: then memory is not summed up
        mount("proc", str(root / "proc"), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    size = f"mode=777,size={options['file_mb']}m,nr_inodes=2000".encode()
    mount("tmpfs", str(root / "work"), "tmpfs", MS_NOSUID | MS_NODEV, size)
    call("pivot_root", os.fsencode(root), os.fsencode(root / "old"))
    os.chdir("/")
    call("umount2", b"/old", MNT_DETACH)
    Path("/old").rmdir()
    mount("none", "/", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV)


def show(path: Path, root: Path) -> None:
    """Make a file or folder of the system visible under the new root, to be read only."""
    target = root / path.relative_to("/")
    if target.exists() or not path.exists():
        return  # Python in /usr is there already
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        target.symlink_to(path.readlink())
        return
    if path.is_dir():
        target.mkdir()
    else:
        target.touch()
    mount(str(path), str(target), None, MS_BIND | MS_REC)
    device = path in map(Path, DEVICES)  # /dev/null is for writing
    attributes = struct.pack("=QQQQ", MS_NOSUID if device else MS_RDONLY | MS_NOSUID | MS_NODEV, 0, 0, 0)
    call("syscall", SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, len(attributes))


def mount(source: str, target: str, kind: str | None, flags: int, data: bytes | None = None) -> None:
    """mount(2). Raises OSError."""
    call("mount", source.encode(), os.fsencode(target), kind.encode() if kind else None, flags, data)


# --- the keeper ---


def keep(options: dict[str, Any]) -> None:
    """Start the program, wait for it, report, and end its children and theirs."""
    if LINUX:
        call("prctl", PR_SET_DUMPABLE, 0)  # our descriptors and memory are not the program's to open
        call("prctl", PR_SET_CHILD_SUBREAPER, 1)  # whoever loses its parent becomes our child, not that of process 1
    signal.pthread_sigmask(signal.SIG_BLOCK, WAKING)
    refused, refuse = os.pipe()
    program = os.fork()
    if program == 0:
        os.close(refused)
        try:
            become_program(options)
        except BaseException as error:
            os.write(refuse, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(refuse)
    report: dict[str, Any] = {}
    if reason := os.read(refused, 1000).decode(errors="replace"):  # ends without a word when exec closes the pipe
        report["failed"] = reason
    report |= wait_for(program, options["memory_mb"] * 2**20, time.monotonic() + options["seconds"])
    os.write(options["report"], json.dumps(report).encode())
    while left := descendants():  # of the last of them, those that were started while the others were ended
        kill(left)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def wait_for(program: int, max_bytes: int, deadline: float) -> dict[str, Any]:
    """Until the program has ended, or must end: its time is over, or it and its children hold too much memory."""
    while True:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == program:
            return {"exit_code": os.waitstatus_to_exitcode(status)}
        if pid:
            continue  # an orphan
        if wait_signal() == signal.SIGTERM or time.monotonic() > deadline:
            stopped = "time"
        elif resident_bytes(descendants()) > max_bytes:
            stopped = "memory"
        else:
            continue
        kill([*descendants(), program])
        return {"exit_code": None, "stopped": stopped}


def wait_signal() -> int:
    """The signal that comes within a tick; 0 if none does. (macOS cannot wait with a limit: there it sleeps.)"""
    if not LINUX:
        time.sleep(TICK)
        return next(iter(signal.sigpending() & {signal.SIGTERM}), 0)
    info = signal.sigtimedwait(WAKING, TICK)
    return info.si_signo if info else 0


def descendants() -> list[int]:
    """Our children, their children and so on, by /proc; empty where there is none."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # one that has ended
            parents[int(process.name)] = int((process / "stat").read_bytes().rpartition(b")")[2].split()[1])
    family = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return sorted(family - {os.getpid()})


def resident_bytes(pids: list[int]) -> int:
    """Memory of these processes; what they share is counted for each of them."""
    pages = 0
    for pid in pids:
        with suppress(OSError):
            pages += int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def kill(pids: list[int]) -> None:
    """End them: all are stopped first, so that none starts another while its turn comes."""
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


# --- the program ---


def become_program(options: dict[str, Any]) -> NoReturn:
    """Give up what the program must not have, and run it in our place."""
    os.setsid()  # it may signal its process group: that must not be ours
    if LINUX:
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL)
    if options["root"]:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    processes = options["processes"]
    if options["mechanism"] == "namespaces":
        enter_user_namespace(NOBODY)  # whose processes are counted apart, and who has no rights after exec
        forbid_namespaces()
    else:
        processes += count_processes(os.geteuid())  # there the limit is on all that this user runs
    if LINUX:
        call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    limits = {
        resource.RLIMIT_CPU: options["cpu_seconds"], resource.RLIMIT_AS: options["memory_mb"] * 2**20,
        resource.RLIMIT_FSIZE: options["file_mb"] * 2**20, resource.RLIMIT_NPROC: processes,
        resource.RLIMIT_NOFILE: options["open_files"], resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for limit, value in limits.items():
        try:
            resource.setrlimit(limit, (value, value))
        except (ValueError, OSError):
            if LINUX:
                raise  # macOS has not all of them
    work, program = options["work"], f"{options['folder']}/program.py"
    if options["mechanism"] == "landlock":
        landlock([*SYSTEM_FOLDERS, options["prefix"], program], [work, *DEVICES])
    os.chdir(work)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WAKING)
    environment = {"HOME": work, "TMPDIR": work, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    # -I: neither the environment nor the current folder decides what is imported
    python = [options["python"], "-I", "-B", "-X", "utf8", program]
    os.execve(python[0], python, environment)


def forbid_namespaces() -> None:
    """No namespaces within ours: they would open much of the kernel to the program."""
    for path in Path("/proc/sys/user").glob("max_*_namespaces"):
        path.write_text("0")


def count_processes(user: int) -> int:
    """Processes and threads that a user runs now. Where there is no /proc to count them: so many that it is enough."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.stat().st_uid == user:
                count += len(list((process / "task").iterdir()))
    return count or 1000


def landlock(readable: list[str], writable: list[str]) -> None:
    """Allow these files and folders, and no others; no TCP and no signals to others where the kernel can hold them.

    https://docs.kernel.org/userspace-api/landlock.html. Raises OSError where the kernel does not have it.
    """
    version = call("syscall", SYS_LANDLOCK_CREATE, None, 0, 1)
    num_rights = {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)
    every_right = (1 << num_rights) - 1
    network, scopes = (3 if version >= 4 else 0), (3 if version >= 6 else 0)
    attributes = struct.pack("=QQQ", every_right, network, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    rules = call("syscall", SYS_LANDLOCK_CREATE, attributes, len(attributes), 0)
    for paths, rights in ((readable, READ_RIGHTS), (writable, every_right)):
        for path in filter(Path.exists, map(Path, paths)):
            descriptor = os.open(path, os.O_PATH)
            allowed = rights & every_right & (-1 if path.is_dir() else FILE_RIGHTS)
            call("syscall", SYS_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", allowed, descriptor), 0)
            os.close(descriptor)
    call("syscall", SYS_LANDLOCK_RESTRICT, rules, 0)
    os.close(rules)


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    try:
        main(given)
    except OSError as problem:
        os.write(given["report"], json.dumps({"failed": str(problem)}).encode())
        sys.exit(1)
