"""What a tool's findings say, in fixed words: a lead sentence with the figures, then the evidence."""

from collections.abc import Mapping

from skep.records.values import Json, canonical


def written(tool: str, findings: Mapping[str, Json]) -> str:
    """Write one tool's findings as Markdown."""
    return f"{tool}: {canonical(dict(findings))[:500]}"
