"""Which language a file is written in, by its name or by its first line."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What the tools know of a language."""

    name: str
    is_code: bool = True
    """Programs, as opposed to prose, markup, styles and settings."""
    comment: bytes = b"//"
    """What opens a comment that runs to the end of its line."""


def _code(name: str, comment: bytes = b"//") -> Language:
    return Language(name=name, comment=comment)


def _other(name: str) -> Language:
    return Language(name=name, is_code=False)


OTHER: Final = _other("other")
PYTHON: Final = _code("Python", b"#")
_SHELL: Final = _code("Shell", b"#")
_PERL: Final = _code("Perl", b"#")
_RUBY: Final = _code("Ruby", b"#")
_JAVASCRIPT: Final = _code("JavaScript")
_TYPESCRIPT: Final = _code("TypeScript")
_LUA: Final = _code("Lua", b"--")
_PHP: Final = _code("PHP")
_C: Final = _code("C")
_CPP: Final = _code("C++")
_YAML: Final = _other("YAML")
_MARKDOWN: Final = _other("Markdown")

_BY_EXTENSION: Final = {
    **dict.fromkeys((".py", ".pyi", ".pyw"), PYTHON),
    **dict.fromkeys((".sh", ".bash", ".zsh", ".ksh"), _SHELL),
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx"), _JAVASCRIPT),
    **dict.fromkeys((".ts", ".mts", ".cts", ".tsx"), _TYPESCRIPT),
    **dict.fromkeys((".c", ".h"), _C),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx"), _CPP),
    **dict.fromkeys((".pl", ".pm"), _PERL),
    **dict.fromkeys((".rb", ".rake", ".gemspec"), _RUBY),
    **dict.fromkeys((".kt", ".kts"), _code("Kotlin")),
    **dict.fromkeys((".ex", ".exs"), _code("Elixir", b"#")),
    **dict.fromkeys((".erl", ".hrl"), _code("Erlang", b"%")),
    **dict.fromkeys((".clj", ".cljs", ".cljc"), _code("Clojure", b";")),
    **dict.fromkeys((".pyx", ".pxd"), _code("Cython", b"#")),
    ".go": _code("Go"),
    ".rs": _code("Rust"),
    ".java": _code("Java"),
    ".scala": _code("Scala"),
    ".groovy": _code("Groovy"),
    ".gradle": _code("Groovy"),
    ".swift": _code("Swift"),
    ".m": _code("Objective-C"),
    ".cs": _code("C#"),
    ".dart": _code("Dart"),
    ".zig": _code("Zig"),
    ".php": _PHP,
    ".lua": _LUA,
    ".r": _code("R", b"#"),
    ".jl": _code("Julia", b"#"),
    ".hs": _code("Haskell", b"--"),
    ".ml": _code("OCaml", b"(*"),
    ".sql": _code("SQL", b"--"),
    ".ps1": _code("PowerShell", b"#"),
    ".vue": _code("Vue"),
    ".svelte": _code("Svelte"),
    ".proto": _code("Protocol Buffers"),
    ".cmake": _code("CMake", b"#"),
    ".mk": _code("Makefile", b"#"),
    ".tf": _code("Terraform", b"#"),
    ".nix": _code("Nix", b"#"),
    **dict.fromkeys((".md", ".markdown", ".mdx"), _MARKDOWN),
    **dict.fromkeys((".yml", ".yaml"), _YAML),
    **dict.fromkeys((".html", ".htm", ".xhtml"), _other("HTML")),
    **dict.fromkeys((".css", ".scss", ".sass", ".less"), _other("CSS")),
    **dict.fromkeys((".ini", ".cfg", ".conf", ".properties"), _other("INI")),
    **dict.fromkeys((".json", ".jsonl", ".json5"), _other("JSON")),
    **dict.fromkeys((".xml", ".xsd", ".xsl"), _other("XML")),
    ".rst": _other("reStructuredText"),
    ".adoc": _other("AsciiDoc"),
    ".txt": _other("Text"),
    ".toml": _other("TOML"),
    ".csv": _other("CSV"),
    ".tsv": _other("CSV"),
    ".svg": _other("SVG"),
    ".lock": _other("lock file"),
    ".po": _other("Gettext"),
    ".ipynb": _other("Jupyter notebook"),
}  # fmt: skip
_BY_NAME: Final = {
    "makefile": _code("Makefile", b"#"),
    "gnumakefile": _code("Makefile", b"#"),
    "dockerfile": _code("Dockerfile", b"#"),
    "containerfile": _code("Dockerfile", b"#"),
    "cmakelists.txt": _code("CMake", b"#"),
    "rakefile": _RUBY,
    "gemfile": _RUBY,
    "jenkinsfile": _code("Groovy"),
    "go.mod": _other("Go module"),
    "go.sum": _other("lock file"),
}
_BY_INTERPRETER: Final = {
    b"python": PYTHON,
    b"bash": _SHELL,
    b"sh": _SHELL,
    b"zsh": _SHELL,
    b"dash": _SHELL,
    b"ksh": _SHELL,
    b"node": _JAVASCRIPT,
    b"deno": _TYPESCRIPT,
    b"perl": _PERL,
    b"ruby": _RUBY,
    b"php": _PHP,
    b"lua": _LUA,
}
_SHEBANG_BYTES_MAX: Final = 200


def language_of(path: str, content: bytes = b"") -> Language:
    """Name the language: by the whole file name, else the extension, else a `#!` line.

    >>> language_of("src/app.PY").name, language_of("run", b"#!/usr/bin/env bash").name
    ('Python', 'Shell')
    """
    by_name = _BY_NAME.get(_name_of(path).lower())
    return by_name or _BY_EXTENSION.get(extension_of(path)) or _by_shebang(content)


def extension_of(path: str) -> str:
    """Give the last extension in lower case, with its dot; empty when there is none.

    >>> extension_of("a/b.tar.GZ"), extension_of(".gitignore"), extension_of("Makefile")
    ('.gz', '', '')
    """
    stem, dot, extension = _name_of(path).rpartition(".")
    return dot + extension.lower() if stem.strip(".") and extension else ""


def _name_of(path: str) -> str:
    return path.rpartition("/")[2]


def _by_shebang(content: bytes) -> Language:
    if not content.startswith(b"#!"):
        return OTHER
    words = content[2:_SHEBANG_BYTES_MAX].partition(b"\n")[0].split()
    programs = [word.rpartition(b"/")[2] for word in words if not word.startswith(b"-")]
    named = [program for program in programs if program != b"env" and b"=" not in program]
    interpreter = named[0].rstrip(b"0123456789.") if named else b""
    return _BY_INTERPRETER.get(interpreter, OTHER)
