"""A chain of models: when the first cannot answer, the second is asked, and the journal says so.

The models here answer from scripts; real ones are chained alike: `--model anthropic:A,openai:B`.
"""

import asyncio
import json

import skep
from skep.agent.scripted import ScriptedModel

PLAN = [skep.TaskSpec(key=skep.TaskKey("answer"), agent="researcher")]


async def main() -> None:
    first = ScriptedModel([ConnectionResetError("the line is dead")])
    second = ScriptedModel(["Honey keeps for years."])

    async with skep.open("memory:", models={"first": first, "second": second}) as hive:
        swarm = await hive.submit("How long does honey keep?", PLAN, model="first,second")
        result = await swarm.result()
        (task,) = await swarm.tasks()
        (step,) = await hive.store.journal.read(task.ref, run=1)

    answer = json.loads(step.value or "null")
    print("result:     ", result)
    print("answered by:", answer["model_id"])
    for passed in answer["metadata"]["passed_over"]:
        print("passed over:", passed["model"], "because", passed["reason"])


asyncio.run(main())
