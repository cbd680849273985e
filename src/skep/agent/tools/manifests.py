"""Which files declare what a project depends on, and which of them lock it."""

import re
from enum import StrEnum
from typing import Final


class Manifest(StrEnum):
    """A kind of file that declares dependencies."""

    PYPROJECT = "pyproject.toml"
    REQUIREMENTS = "requirements.txt"
    SETUP_CFG = "setup.cfg"
    PIPFILE = "Pipfile"
    NPM = "package.json"
    GO = "go.mod"
    CARGO = "Cargo.toml"
    GEMFILE = "Gemfile"
    MAVEN = "pom.xml"
    COMPOSER = "composer.json"
    UNREAD = "unread"
    """Known, but a program or a format that is not read."""


_MANIFESTS: Final = {
    "pyproject.toml": (Manifest.PYPROJECT, "Python"),
    "setup.cfg": (Manifest.SETUP_CFG, "Python"),
    "Pipfile": (Manifest.PIPFILE, "Python"),
    "setup.py": (Manifest.UNREAD, "Python"),
    "environment.yml": (Manifest.UNREAD, "Python"),
    "package.json": (Manifest.NPM, "JavaScript"),
    "go.mod": (Manifest.GO, "Go"),
    "Cargo.toml": (Manifest.CARGO, "Rust"),
    "Gemfile": (Manifest.GEMFILE, "Ruby"),
    "pom.xml": (Manifest.MAVEN, "JVM"),
    "build.gradle": (Manifest.UNREAD, "JVM"),
    "build.gradle.kts": (Manifest.UNREAD, "JVM"),
    "composer.json": (Manifest.COMPOSER, "PHP"),
    "mix.exs": (Manifest.UNREAD, "Elixir"),
    "Package.swift": (Manifest.UNREAD, "Swift"),
    "pubspec.yaml": (Manifest.UNREAD, "Dart"),
}
_MANIFEST_PATTERNS: Final = (
    (re.compile(r"(?:^|/)[^/]*requirements[^/]*\.(?:txt|in)$"), Manifest.REQUIREMENTS, "Python"),
    (re.compile(r"(?:^|/)requirements/[^/]+\.(?:txt|in)$"), Manifest.REQUIREMENTS, "Python"),
    (re.compile(r"\.gemspec$"), Manifest.UNREAD, "Ruby"),
    (re.compile(r"\.(?:cs|fs|vb)proj$"), Manifest.UNREAD, ".NET"),
)
_LOCKS: Final = {
    "uv.lock": "Python",
    "poetry.lock": "Python",
    "pdm.lock": "Python",
    "Pipfile.lock": "Python",
    "pylock.toml": "Python",
    "package-lock.json": "JavaScript",
    "npm-shrinkwrap.json": "JavaScript",
    "yarn.lock": "JavaScript",
    "pnpm-lock.yaml": "JavaScript",
    "bun.lock": "JavaScript",
    "bun.lockb": "JavaScript",
    "go.sum": "Go",
    "Cargo.lock": "Rust",
    "Gemfile.lock": "Ruby",
    "composer.lock": "PHP",
    "gradle.lockfile": "JVM",
    "mix.lock": "Elixir",
    "Package.resolved": "Swift",
    "pubspec.lock": "Dart",
    "packages.lock.json": ".NET",
}
_REQUIREMENTS_LOCK: Final = re.compile(r"(?:^|/)[^/]*requirements[^/]*\.lock$")
_VENDORED: Final = re.compile(r"(?:^|/)(?:node_modules|site-packages|vendor|third_party)/")


def manifest_of(path: str) -> tuple[Manifest, str] | None:
    """Tell what a manifest is and which ecosystem it belongs to, by its name.

    >>> manifest_of("web/package.json")
    (<Manifest.NPM: 'package.json'>, 'JavaScript')
    """
    if known := _MANIFESTS.get(path.rpartition("/")[2]):
        return known
    for pattern, manifest, ecosystem in _MANIFEST_PATTERNS:
        if pattern.search(path):
            return manifest, ecosystem
    return None


def lock_of(path: str) -> str | None:
    """Tell which ecosystem a lock file belongs to, by its name.

    >>> lock_of("Cargo.lock"), lock_of("requirements-dev.lock"), lock_of("README.md")
    ('Rust', 'Python', None)
    """
    if _REQUIREMENTS_LOCK.search(path):
        return "Python"
    return _LOCKS.get(path.rpartition("/")[2])


def is_vendored(path: str) -> bool:
    """Tell whether a file came with somebody else's code."""
    return _VENDORED.search(path) is not None
