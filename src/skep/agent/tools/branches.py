"""How often code branches, estimated from its keywords, for languages that are not parsed."""

import re
from typing import Final

from skep.agent.tools.languages import Language

_DECISION: Final = re.compile(
    rb"\b(?:if|elif|elsif|elseif|unless|for|foreach|while|until|case|when|catch|rescue|except)\b"
    rb"|&&|\|\|"
)
_COMMENTS: Final = {
    leader: re.compile(rb"(?m)^[ \t]*" + re.escape(leader) + rb".*$")
    for leader in (b"//", b"#", b"--", b"%", b";", b"(*")
}
_BLOCK_COMMENT_LINE: Final = re.compile(rb"(?m)^[ \t]*(?:/\*|\*[ \t/]).*$")


def decisions_estimated(content: bytes, language: Language) -> int:
    """Count keywords and operators that decide, outside of lines that are comments.

    Approximate: strings, comments at the end of a line and in the middle of a block are not told
    apart from code, and a keyword counts once wherever it stands.
    """
    code = _COMMENTS[language.comment].sub(b"", content)
    if language.comment == b"//":
        code = _BLOCK_COMMENT_LINE.sub(b"", code)
    return sum(1 for _ in _DECISION.finditer(code))
