# SPDX-License-Identifier: Apache-2.0
"""memory - the most memory that a process has had, for tests of limits."""


def _field(pid, name):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
    raise KeyError(name)


def forget_peak(pid):
    """From here on the peak counts anew."""
    with open("/proc/%d/clear_refs" % pid, "w") as f:
        f.write("5")


def peak(pid):
    return _field(pid, "VmHWM")


def now(pid):
    return _field(pid, "VmRSS")


def has_sanitizer(pid):
    """One is slow, keeps freed memory for a while, and has terabytes of
    address space for its notes."""
    return _field(pid, "VmSize") > 1 << 40
