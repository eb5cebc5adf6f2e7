# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine with stock Debian: made from packages, booted by qemu without KVM.

The root disk is made once per list of packages and kept in the build directory. What is to be run and
what comes back travel on a second disk, made by mke2fs and read by debugfs, so nothing here needs root
beyond making the root disk. Figures: the image takes about a minute, a boot about ten seconds.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITE = "bookworm"
PACKAGES = [
    "systemd-sysv", "dbus", "kmod", "udev", "python3", "libsystemd0", "libcurl4", "libjansson4", "liblmdb0",
    "libdeflate0", "libseccomp2", "libmount1", "libssl3", "ca-certificates", "procps", "util-linux",
    "linux-image-cloud-amd64",
]
# Needed before the root disk can be mounted, by name; their dependencies come with them. ext4 is built in.
BOOT_MODULES = ["virtio_pci", "virtio_blk"]
MASKED = [
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "systemd-timesyncd.service", "getty@tty1.service", "serial-getty@ttyS0.service", "systemd-firstboot.service",
    "systemd-update-utmp.service", "systemd-networkd.service", "systemd-pstore.service",
]
AGENT_UNIT = """[Unit]
Description=Runs what the second disk brings
After=basic.target dbus.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/blast-test-agent
StandardOutput=journal+console
StandardError=journal+console
[Install]
WantedBy=multi-user.target
"""
AGENT = """#!/bin/sh
mkdir -p /share
mount /dev/vdb /share
cd /share
sh ./run >output 2>&1
echo $? >status
journalctl -b -o short-monotonic >journal 2>/dev/null
cd /
sync
umount /share
systemctl poweroff --force
"""


def run(*command: object, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], check=True, **options)


def mirror() -> str:
    """The Debian mirror this machine's apt uses."""
    for path in [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]:
        if not path.is_file():
            continue
        for line in path.read_text().splitlines():
            words = line.split()
            if len(words) > 1 and words[0] == "URIs:" and words[1].rstrip("/").endswith("/debian"):
                return words[1]
            if len(words) > 2 and words[0] == "deb" and words[-2:] and "/debian" in line:
                return next(word for word in words if "://" in word)
    return "http://deb.debian.org/debian"


def make_root(directory: Path) -> None:
    run("mmdebstrap", "--variant=minbase", "--include=" + ",".join(PACKAGES), "--aptopt=APT::Sandbox::User root",
        "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
        SUITE, directory, mirror(), stdout=sys.stderr)
    system = directory / "etc" / "systemd" / "system"
    for unit in MASKED:
        (system / unit).unlink(missing_ok=True)
        (system / unit).symlink_to("/dev/null")
    (system / "blast-test-agent.service").write_text(AGENT_UNIT)
    (system / "multi-user.target.wants").mkdir(exist_ok=True)
    (system / "multi-user.target.wants" / "blast-test-agent.service").symlink_to("../blast-test-agent.service")
    agent = directory / "usr" / "local" / "sbin" / "blast-test-agent"
    agent.write_text(AGENT)
    agent.chmod(0o755)
    (directory / "etc" / "fstab").write_text("")
    (directory / "etc" / "hostname").write_text("blast-test\n")
    with (directory / "etc" / "passwd").open("a") as passwd:
        passwd.write("tester:x:1000:1000::/home/tester:/bin/sh\n")
    home = directory / "home" / "tester"
    home.mkdir(parents=True)
    os.chown(home, 1000, 1000)


def module_files(root: Path) -> list[Path]:
    """The files of the boot modules, each after what it depends on (modules.dep)."""
    base = next((root / "lib" / "modules").iterdir())
    depends: dict[str, list[str]] = {}
    for line in (base / "modules.dep").read_text().splitlines():
        name, rest = line.split(":")
        depends[name] = rest.split()
    by_name = {Path(path).name.split(".")[0]: path for path in depends}
    ordered: list[str] = []
    for name in BOOT_MODULES:
        path = by_name[name]
        # modules.dep lists the nearest dependency first; load the farthest one first.
        for needed in [*reversed(depends[path]), path]:
            if needed not in ordered:
                ordered.append(needed)
    return [base / path for path in ordered]


def make_initramfs(root: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        (tree / "m").mkdir()
        run("gcc", "-static", "-Os", "-s", "-o", tree / "init", HERE / "init.c")
        for number, path in enumerate(module_files(root)):
            shutil.copy(path, tree / "m" / f"{number:02}")
        names = "\n".join(sorted(str(p.relative_to(tree)) for p in tree.rglob("*")))
        with target.open("wb") as output:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=names.encode(), stdout=output, cwd=tree,
                           check=True)


class Machine:
    """Kernel, initramfs and root disk in a cache directory; each run boots a fresh copy on write."""

    def __init__(self, cache: Path) -> None:
        key = hashlib.sha256("\0".join([SUITE, *PACKAGES, *MASKED, AGENT, (HERE / "init.c").read_text(),
                                        "2"]).encode())
        self.directory = cache / key.hexdigest()[:16]
        self.disk = self.directory / "root.img"
        self.kernel = self.directory / "vmlinuz"
        self.initramfs = self.directory / "initramfs"
        if not self.disk.exists():
            self.make()

    def make(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.directory) as name:
            root = Path(name) / "root"
            make_root(root)
            shutil.copy(next((root / "boot").glob("vmlinuz-*")), self.kernel)
            make_initramfs(root, self.initramfs)
            shutil.rmtree(root / "boot")
            unfinished = self.directory / "root.img.new"
            run("mke2fs", "-q", "-t", "ext4", "-F", "-d", root, unfinished, "2G", stdout=sys.stderr)
            unfinished.rename(self.disk)

    def boot(self, share: Path, timeout: int, size: str = "1G") -> dict[str, str]:
        """Runs share/run inside; returns the files output, status, journal and console."""
        with tempfile.TemporaryDirectory() as name:
            disk = Path(name) / "share.img"
            console = Path(name) / "console"
            run("mke2fs", "-q", "-t", "ext4", "-F", "-d", share, disk, size, stdout=sys.stderr)
            command = [
                "qemu-system-x86_64", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max", "-smp", "2",
                "-m", "2048", "-nodefaults", "-no-reboot", "-display", "none", "-nic", "none",
                "-kernel", self.kernel, "-initrd", self.initramfs, "-serial", f"file:{console}",
                "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check "
                           "random.trust_cpu=on rcupdate.rcu_expedited=1",
                "-drive", f"file={self.disk},format=raw,if=virtio,snapshot=on",
                "-drive", f"file={disk},format=raw,if=virtio",
            ]
            try:
                subprocess.run([str(word) for word in command], timeout=timeout, check=False)
            except subprocess.TimeoutExpired:
                print(f"the machine did not power off within {timeout} s", file=sys.stderr)
            found = {"console": console.read_text(errors="replace") if console.exists() else ""}
            for file in ("output", "status", "journal"):
                asked = subprocess.run(["debugfs", "-R", f"cat {file}", str(disk)], capture_output=True)
                found[file] = asked.stdout.decode(errors="replace")
            return found
