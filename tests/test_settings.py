"""Settings of language models: tiers, time-outs and lengths, each within its bounds."""

from pathlib import Path

import pytest

import skep
from skep.agent.scripted import ScriptedModel
from skep.records.errors import InvalidInput, ModelKeyMissing, ModelNotConfigured
from skep.records.role import BY_TIER, Tier
from skep.settings import read_settings


@pytest.mark.parametrize(
    ("variables", "models"),
    [
        ({"SKEP_MODEL_FAST": "a"}, ("a", "a", "a")),
        ({"SKEP_MODEL_STRONG": "c", "SKEP_MODEL": "b"}, ("b", "b", "c")),
        ({"SKEP_MODEL_FAST": "a", "SKEP_MODEL_STRONG": "c"}, ("a", "c", "c")),
        ({"SKEP_MODEL_BALANCED": "b,d", "SKEP_MODEL_FAST": "a"}, ("a", "b,d", "b,d")),
    ],
)
@pytest.mark.usefixtures("workplace")
def test_a_tier_has_its_own_model_or_the_common_or_the_nearest(
    variables: dict[str, str], models: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once one tier has a model of its own, every tier has one."""
    for name, text in variables.items():
        monkeypatch.setenv(name, text)

    settings = read_settings()

    assert settings.model == BY_TIER
    assert tuple(settings.tiers[tier] for tier in Tier) == models
    assert set(settings.models_of(BY_TIER)) == set(models)


@pytest.mark.usefixtures("workplace")
def test_without_a_tier_the_name_is_refused() -> None:
    """`tiers` stands for nothing then, and the error names the variables."""
    settings = read_settings()

    with pytest.raises(ModelNotConfigured) as refused:
        settings.models_of(BY_TIER)

    assert settings.model is None
    assert "SKEP_MODEL_FAST" in refused.value.hint


@pytest.mark.parametrize("text", ["0", "-5", "soon", "1e3", "nan", "99999", "0.5"])
@pytest.mark.usefixtures("workplace")
def test_a_time_out_out_of_its_bounds_is_refused(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable and its bounds."""
    monkeypatch.setenv("SKEP_MODEL_FIRST_BYTE_S", text)

    with pytest.raises(InvalidInput, match=r"SKEP_MODEL_FIRST_BYTE_S .* from 1 to 3600"):
        read_settings()


@pytest.mark.usefixtures("workplace")
def test_the_terms_of_an_answer_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two clocks, a length, and whether answers are streamed."""
    monkeypatch.setenv("SKEP_MODEL_FIRST_BYTE_S", "5.5")
    monkeypatch.setenv("SKEP_MODEL_BETWEEN_BYTES_S", "7")
    monkeypatch.setenv("SKEP_MODEL_MAX_TOKENS", "100")
    monkeypatch.setenv("SKEP_MODEL_STREAM", "off")

    settings = read_settings()

    patience = settings.patience
    assert (patience.first_byte_s, patience.between_bytes_s) == (5.5, 7)
    assert (patience.answer_tokens_max, settings.streams) == (100, False)


async def test_roles_ask_the_model_of_their_tier(
    sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The swarm keeps the mapping in its charter: a later setting changes nothing of it."""
    fast, strong = ScriptedModel(["I was quick."]), ScriptedModel(["I was thorough."])
    monkeypatch.setenv("SKEP_MODEL_FAST", "quick")
    monkeypatch.setenv("SKEP_MODEL_STRONG", "thorough")
    plan = [
        skep.TaskSpec(key=skep.TaskKey("map"), agent="cartographer"),
        skep.TaskSpec(key=skep.TaskKey("ways"), agent="architect"),
    ]

    async with skep.open("memory:", models={"quick": fast, "thorough": strong}) as hive:
        swarm = await hive.submit("Look", plan, workspace=str(sample), model=BY_TIER)
        result = await swarm.result()

    assert "quick" in str(result)
    assert "thorough" in str(result)
    assert (fast.asked, strong.asked) == (1, 1)


async def test_every_model_of_a_chain_is_checked_before_any_work(sample: Path) -> None:
    """A chain that could not go on to its second model is refused at once."""
    async with skep.open("memory:", models={"quick": ScriptedModel(["x"])}) as hive:
        with pytest.raises(ModelKeyMissing, match="openai:gpt-5"):
            await hive.submit("Audit this", workspace=str(sample), model="quick, openai:gpt-5")


@pytest.mark.usefixtures("workplace")
async def test_limits_that_make_no_sense_are_refused_before_any_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever would work says so at once, with the variable's name."""
    monkeypatch.setenv("SKEP_LIMITS", "own: rpm=many")

    with pytest.raises(InvalidInput, match="SKEP_LIMITS: The limit 'rpm=many'"):
        async with skep.open("memory:"):
            raise AssertionError
