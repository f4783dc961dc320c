# SPDX-License-Identifier: Apache-2.0
"""netns - run this program again inside namespaces of its own.

enter() comes first in every system test.  It starts the program anew under
`unshare`: network (lo up, nothing else: port 25 and all of 127/8 are free,
the outside cannot be reached), mounts and processes.  When the program ends,
for whatever reason, the kernel ends everything that it started.
"""

import ctypes
import os
import signal
import subprocess
import sys

_MARK = "MAILRACE_TEST_NAMESPACE"
_PR_SET_PDEATHSIG = 1
_entered = False


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _reap_until(child):
    """We are process 1 here: orphans are ours to reap."""
    while True:
        try:
            pid, status = os.wait()
        except InterruptedError:
            continue
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _pass_on(child):
    def handler(signo, _frame):
        try:
            os.kill(child, signo)
        except ProcessLookupError:
            pass
    for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(signo, handler)


def _inside():
    child = os.fork()
    if child != 0:
        _pass_on(child)
        code = _reap_until(child)
        # Without this, buffered output of the parent would come twice.
        os._exit(code)
    _die_with_parent()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # As systemd sets it.  With the kernel's 10, Postfix's master can block for
    # ever: on lines of the log for the postlogd that it was to start.
    with open("/proc/sys/net/unix/max_dgram_qlen", "w") as f:
        f.write("512")
    # A daemon that was not told where its spool is finds an empty one.
    subprocess.run(["mount", "-t", "tmpfs", "none", "/var/spool"], check=True)


def enter():
    """Returns only inside the namespaces; the second call does nothing."""
    global _entered
    if _entered:
        return
    if os.environ.get(_MARK) == "1":
        # Tests that this one starts make namespaces of their own.
        del os.environ[_MARK]
        _entered = True
        _inside()
        return
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root: namespaces, port 25, Postfix")
        sys.exit(0)
    env = dict(os.environ, **{_MARK: "1"})
    argv = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
            "--mount-proc", "--propagation", "private",
            sys.executable] + sys.argv
    sys.stdout.flush()
    os.execvpe("unshare", argv, env)
