"""Kits: what the runs of a role share is made once, and never that of another charter."""

import pytest

from skep.agent.catalog import Catalog
from skep.agent.charter import draw_charter
from skep.agent.kit import KITS_MAX, Kits
from skep.records.errors import AgentUnknown
from skep.records.role import Charter, Role

DIGEST = "d"


def charter(*tools: str) -> Charter:
    """A charter of one role with these tools."""
    bee = Role(name="bee", description="Gathers.", instructions="You gather.", tools=tools)
    return draw_charter("scripted", ["bee"], catalog=Catalog(roles={"bee": bee}))


def test_the_runs_of_a_role_share_its_kit() -> None:
    """It is put together once for a charter."""
    kits, drawn = Kits(), charter("read_file", "search")

    kit = kits.of(drawn, "bee", digest=DIGEST)

    assert kits.of(drawn, "bee", digest=DIGEST) is kit
    assert [tool.name for tool in kit.parameters.function_tools] == ["read_file", "search"]


def test_another_charter_has_another_kit() -> None:
    """Also where somebody says that it has the same digest: the charter at hand counts."""
    kits = Kits()

    first, second = (kits.of(charter(tool), "bee", digest=DIGEST) for tool in ("search", "todos"))

    assert first.fingerprint != second.fingerprint


def test_what_a_conversation_stands_on_besides_changes_its_fingerprint() -> None:
    """A form of the result is covered as well."""
    kit = Kits().of(charter("search"), "bee", digest=DIGEST)

    assert kit.fingerprint_with([]) == kit.fingerprint
    assert kit.fingerprint_with([{"type": "object"}]) != kit.fingerprint


def test_a_process_keeps_only_so_many() -> None:
    """A worker that serves swarm after swarm does not grow with each charter."""
    kits, drawn = Kits(), charter("search")
    first = kits.of(drawn, "bee", digest="0")

    for number in range(1, KITS_MAX + 1):
        kits.of(drawn, "bee", digest=str(number))

    assert kits.of(drawn, "bee", digest="0") is not first


def test_a_role_that_the_charter_has_not_is_refused() -> None:
    """The refusal names the ones it has."""
    with pytest.raises(AgentUnknown, match="wasp") as refusal:
        Kits().of(charter(), "wasp", digest=DIGEST)

    assert "bee" in refusal.value.hint
