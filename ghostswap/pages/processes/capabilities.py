# SPDX-License-Identifier: GPL-2.0-or-later
"""Capabilities that keep even root from reading a process (capabilities(7), ptrace(2))."""

from __future__ import annotations

#: By their numbers (include/uapi/linux/capability.h, Linux 6.18).
_NAMES = (
    *("CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"),
    *("SETPCAP", "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW"),
    *("IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT"),
    *("SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD"),
    *("LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG"),
    *("WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"),
)


def lacking(pid: str) -> list[str]:
    """Names of the capabilities that process *pid* holds and this one does not.

    Each of them is reason enough to refuse (``cap_ptrace_access_check()``, security/commoncap.c),
    unless this one has CAP_SYS_PTRACE.
    """
    try:
        theirs, ours = _permitted(pid), _permitted("self")
    except OSError:
        return []
    missing = theirs & ~ours
    return [f"CAP_{name}" for number, name in enumerate(_NAMES) if missing >> number & 1]


def command(pid: str) -> str:
    """What process *pid* calls itself; ``""`` where that is not told."""
    try:
        with open(f"/proc/{pid}/comm", errors="replace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def _permitted(pid: str) -> int:
    with open(f"/proc/{pid}/status", errors="replace") as status:
        return next((int(line[7:], 16) for line in status if line.startswith("CapPrm:")), 0)
