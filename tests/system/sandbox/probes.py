# SPDX-License-Identifier: LGPL-2.1-or-later
"""Escape probes: code that succeeds where there is no wall, and the errors that are the right refusal.

Each is (name, code, expected inside, succeeds outside as root). The code runs after PREAMBLE; "errno" is printed for an
OSError, "exit N" for sys.exit(N). The system call numbers are those of x86-64.
"""

from __future__ import annotations

PREAMBLE = """
import ctypes, errno, glob, os, socket as S, sys
libc = ctypes.CDLL(None, use_errno=True)
def sc(n, *a):
    r = libc.syscall(ctypes.c_long(n), *[ctypes.c_void_p(x) if isinstance(x, int) else x for x in a])
    if r == -1:
        e = ctypes.get_errno()
        raise OSError(e, os.strerror(e))
    return r
"""

WRAP = """
import sys
try:
    exec(sys.argv[1])
    print("ALLOWED")
except OSError as error:
    import errno
    print(errno.errorcode[error.errno])
except SystemExit as error:
    print(f"exit {error.code}")
except Exception as error:
    print(type(error).__name__)
"""

#: name, code, refusals that are right
PROBES: list[tuple[str, str, set[str]]] = [
    ("A01-shadow", "open('/etc/shadow')", {"ENOENT"}),
    ("A04-homes", "os.listdir('/root' if os.environ['HOME'] != '/root' else '/home')", {"ENOENT"}),
    ("A05-write-usr", "open('/usr/lib/blast_probe', 'w')", {"EROFS", "EACCES"}),
    ("A07-write-package", "import first; os.chmod('/usr/bin/python3', 0o777)", {"EROFS", "EPERM", "ModuleNotFoundError"}),
    ("A10-hard-link", "os.link('/etc/passwd', 'pw')", {"EXDEV", "EPERM", "EACCES"}),
    ("A11-mknod", "os.mknod('mem', 0o20666, os.makedev(1, 1))", {"EPERM"}),
    ("A13-mount", "sc(165, b't', b'/tmp', b'tmpfs', 0, 0)", {"EPERM"}),
    ("A14-remount", "sc(165, 0, b'/usr', 0, 32 | 4096, 0)", {"EPERM"}),
    ("A16-fsopen", "sc(430, b'tmpfs', 0)", {"EPERM"}),
    ("A17-open-tree", "sc(428, -100, b'/', 1)", {"EPERM"}),
    (
        "A19-open-by-handle",
        "b = ctypes.create_string_buffer(bytes.fromhex('0800000001000000') + (2).to_bytes(8, 'little'));"
        "sc(304, os.open('/', 0), ctypes.addressof(b), 0)",
        {"EPERM"},
    ),
    (
        "A20-set-id",
        "n = [l for l in open('/proc/self/status') if l.startswith('NoNewPrivs')][0].split()[1]; sys.exit(0 if n == '0' else 4)",
        {"exit 4"},
    ),
    (
        "A22-file-capability",
        "open('cap', 'w').close(); os.setxattr('cap', 'security.capability', bytes.fromhex('0100000200040000000000000000000000000000'))",
        {"EPERM"},
    ),
    ("A23-proc-root", "os.listdir('/proc/1/root')", {"EACCES", "ENOENT"}),
    ("A25-sysrq", "os.open('/proc/sysrq-trigger', os.O_WRONLY)", {"EACCES", "EROFS", "ENOENT"}),
    ("A25b-core-pattern", "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)", {"EACCES", "EROFS", "ENOENT"}),
    (
        "A26-proc-secrets",
        "names = 'kcore kallsyms keys key-users timer_list sched_debug config.gz kmsg interrupts vmallocinfo slabinfo iomem'.split();"
        "sys.exit(0 if [n for n in names if os.access('/proc/' + n, os.R_OK)] else 6)",
        {"exit 6"},
    ),
    ("A28-cgroups", "open('/sys/fs/cgroup/cgroup.procs', 'w')", {"ENOENT"}),
    (
        "A29-descriptors",
        "ok = []\n"
        "for f in os.listdir('/proc/self/fd'):\n"
        "  try: os.close(os.open('..', os.O_RDONLY, dir_fd=int(f))); ok.append(f)\n"
        "  except OSError: pass\n"
        "sys.exit(0 if ok else 8)",
        {"exit 8"},
    ),
    ("A31-set-id-file", "open('suid', 'w').close(); os.chmod('suid', 0o4755)", {"EPERM"}),
    (
        "A31b-set-id-by-openat2",
        "b = (ctypes.c_uint64 * 3)(os.O_CREAT | os.O_WRONLY, 0o4755, 0); sc(437, -100, b'suid2', ctypes.addressof(b), 24)",
        {"ENOSYS"},
    ),
    ("A32-mode-of-a-host-device", "os.chmod('/dev/null', 0o666)", {"EROFS"}),
    ("A32b-times-of-a-host-device", "os.utime('/dev/full')", {"EROFS"}),
    ("A33-core-pipe", "import resource as r; sys.exit(0 if r.getrlimit(r.RLIMIT_CORE)[1] not in (0, 1) else 15)", {"exit 15"}),
    ("A34-overlay-in-userns", "sc(272, 0x10020000)", {"EPERM", "ENOSPC"}),
    ("A35-init-binary", "os.open('/proc/1/exe', os.O_WRONLY)", {"EACCES", "EROFS", "ETXTBSY", "ENOENT"}),
    ("A36-init-memory", "os.open('/proc/1/mem', os.O_RDWR)", {"EACCES", "EPERM"}),
    ("B01-unshare-user", "sc(272, 0x10000000)", {"EPERM", "ENOSPC"}),
    ("B02-clone-user", "sc(56, 0x10000000 | 17, 0, 0, 0, 0)", {"EPERM", "ENOSPC"}),
    ("B03-clone3", "sc(435, 0, 0)", {"ENOSYS"}),
    ("B04-setns", "sc(308, os.open('/proc/1/status', 0), 0)", {"EPERM"}),
    ("B05-ptrace", "sc(101, 0x4206, 1, 0, 0)", {"EPERM", "ESRCH"}),
    ("B07-pidfd-getfd", "sc(438, sc(434, os.getpid(), 0), 0, 0)", {"ENOSYS"}),
    ("B08-signal-outside", "os.kill(int(OUTSIDE), 0)", {"ESRCH"}),
    ("B10-processes", "sys.exit(0 if len([x for x in os.listdir('/proc') if x.isdigit()]) > 8 else 9)", {"exit 9"}),
    ("B13-tioclinux", "m, s = os.openpty(); sc(16, s, 0x541C, b'\\x0b')", {"EPERM"}),
    ("B14-keyring", "sc(248, b'user', b'blast', b'x', 1, -3)", {"EPERM"}),
    ("B16-perf", "sc(298, 0, 0, -1, -1, 0)", {"EPERM"}),
    ("B17-userfaultfd", "sc(323, 1)", {"ENOSYS", "EPERM"}),
    ("B19-module", "sc(313, 0, b'', 0)", {"EPERM"}),
    ("B20-reboot", "sc(169, 0, 0, 0, 0)", {"EPERM"}),
    ("B22-hostname", "sc(170, b'pwned', 5)", {"EPERM"}),
    ("B23-x32", "sc(0x40000000 + 39)", {"ENOSYS"}),
    ("B25-personality", "sc(135, 0x0040000)", {"EPERM"}),
    ("B29-rlimit", "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (1 << 31, 1 << 31))", {"ValueError"}),
    ("B31-priority", "os.setpriority(os.PRIO_PROCESS, 0, -10)", {"EACCES", "EPERM"}),
    (
        "B34-capabilities",
        "s = dict(l.split(':', 1) for l in open('/proc/self/status'));"
        "sys.exit(0 if any(int(s[k].strip(), 16) for k in ('CapInh', 'CapEff', 'CapPrm', 'CapBnd', 'CapAmb')) else 10)",
        {"exit 10"},
    ),
    ("B35-seccomp", "sys.exit(0 if [l.split()[1] for l in open('/proc/self/status') if l.startswith('Seccomp:')][0] != '2' else 11)", {"exit 11"}),
    ("B37-syslog", "sc(103, 3, ctypes.addressof(ctypes.create_string_buffer(64)), 64)", {"EPERM"}),
    ("B38-fanotify", "sc(300, 0x200, 0)", {"EPERM"}),
    ("B41-oom-score", "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')", {"EACCES", "EPERM"}),
    ("B42-read-memory-of-another", "sc(310, 1, 0, 0, 0, 0, 0)", {"EPERM"}),
    ("C01-tcp4", "s = S.socket(); s.settimeout(2); s.connect(('192.0.2.1', 443))", {"ENETUNREACH"}),
    ("C02-tcp6", "s = S.socket(S.AF_INET6); s.settimeout(2); s.connect(('2001:db8::1', 443))", {"ENETUNREACH", "EADDRNOTAVAIL"}),
    ("C05-udp", "S.socket(S.AF_INET, S.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))", {"ENETUNREACH"}),
    ("C08-fast-open", "S.socket().sendto(b'x', 0x20000000, ('192.0.2.1', 443))", {"ENETUNREACH"}),
    ("C11-raw", "S.socket(S.AF_INET, S.SOCK_RAW, 255)", {"EPERM"}),
    ("C13-packet", "S.socket(S.AF_PACKET, S.SOCK_RAW, 0)", {"EAFNOSUPPORT", "EPERM"}),
    ("C14-netlink", "S.socket(S.AF_NETLINK, S.SOCK_RAW, 0)", {"EAFNOSUPPORT"}),
    ("C14b-netlink-high-bits", "sc(41, (1 << 32) | 16, 3, 0)", {"EAFNOSUPPORT"}),
    (
        "C16-families",
        "ok = set()\n"
        "for f in range(46):\n"
        "  for t in (1, 2, 3, 5):\n"
        "    try: S.socket(f, t, 0).close(); ok.add(f)\n"
        "    except OSError: pass\n"
        "sys.exit(0 if ok - {1, 2, 10} else 14)",
        {"exit 14"},
    ),
    ("C17-mptcp", "S.socket(S.AF_INET, S.SOCK_STREAM, 262)", {"EPROTONOSUPPORT"}),
    ("C19-abstract", "s = S.socket(S.AF_UNIX); s.connect('\\0' + ABSTRACT)", {"ECONNREFUSED", "EPERM"}),
    ("C20-system-bus", "s = S.socket(S.AF_UNIX); s.connect('/run/dbus/system_bus_socket')", {"ENOENT"}),
    ("C22-io-uring", "sc(425, 4, ctypes.addressof(ctypes.create_string_buffer(120)))", {"ENOSYS"}),
    ("C28-broadcast", "s = S.socket(S.AF_INET, S.SOCK_DGRAM); s.setsockopt(1, 6, 1); s.sendto(b'x', ('203.0.113.255', 123))", {"ENETUNREACH"}),
    ("C31-mark", "S.socket().setsockopt(S.SOL_SOCKET, 36, 1)", {"EPERM"}),
    ("C32-transparent", "S.socket().setsockopt(S.IPPROTO_IP, 19, 1)", {"EPERM"}),
]

#: Probes that get through outside as root on any kernel: a probe that cannot succeed anywhere proves nothing.
CONTROLLED = {
    "A01-shadow",
    "A11-mknod",
    "A20-set-id",
    "A22-file-capability",
    "A31-set-id-file",
    "A31b-set-id-by-openat2",
    "A32-mode-of-a-host-device",
    "A32b-times-of-a-host-device",
    "B01-unshare-user",
    "B08-signal-outside",
    "B10-processes",
    "B25-personality",
    "B31-priority",
    "B34-capabilities",
    "B35-seccomp",
    "C11-raw",
    "C14-netlink",
    "C16-families",
    "C19-abstract",
    "C31-mark",
    "C32-transparent",
}
