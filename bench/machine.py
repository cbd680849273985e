"""What was measured on what: the machine, the commit, the servers and the versions."""

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

from bench.environments import REPO
from bench.servers import redis_version

OWN_PACKAGES: Final = ("apsw", "redis", "hiredis", "uvloop", "pydantic-ai-slim")


def facts() -> dict[str, str]:
    """Say what a reader must know to compare figures."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _git("rev-parse", "--short", "HEAD") + _dirty(),
        "machine": f"{os.cpu_count()} cores, {_model()}, {_memory_gib():.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, {_folder()}",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "redis": redis_version(),
        "postgres": _version("postgres"),
        "skep stands on": ", ".join(f"{name} {_installed(name)}" for name in OWN_PACKAGES),
    }


def _git(*words: str) -> str:
    asked = subprocess.run(["git", *words], cwd=REPO, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "none"


def _dirty() -> str:
    return " (changed)" if _git("status", "--porcelain", "src") != "none" else ""


def _model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _folder() -> str:
    """The file system of the folder in which servers and stores keep their files."""
    shown = subprocess.run(
        ["df", "--output=fstype", "/tmp"],  # noqa: S108 - where tempfile puts them
        capture_output=True,
        text=True,
        check=False,
    )
    return f"temporary files on {shown.stdout.split()[-1] if shown.stdout else 'unknown'}"


def _version(program: str) -> str:
    if shutil.which(program) is None:
        return "none"
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def _installed(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"
