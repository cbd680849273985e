"""The main job without a key: analysts read a folder, and a synthesis joins what they found."""

import asyncio
import json
import tempfile
from pathlib import Path

import skep

SHOP = {
    "README.md": "# Till\n\nAdds up a bill.\n",
    "till.py": "# TODO: taxes\ndef total(prices):\n    return sum(prices)\n",
    "tests/test_till.py": "def test_total():\n    assert sum([3, 4]) == 7\n",
}


async def main(folder: Path) -> None:
    for name, text in SHOP.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)

    async with skep.open("memory:") as hive:
        swarm = await hive.submit(
            "Describe the files, the tests and the TODOs", workspace=str(folder), model="offline"
        )
        await swarm.result()
        for task in await swarm.tasks():
            print(f"{task.status}: {task.ref.key}, by {task.spec.agent}")
        for ref, artifact in await swarm.artifacts():
            finding = json.loads(await swarm.read(artifact))
            print(f"{ref.key}/{artifact.name}: {finding['scope']['files']} files looked at")
        report = await swarm.report()

    print("the report says who wrote it:", "offline model" in report)


with tempfile.TemporaryDirectory() as name:
    asyncio.run(main(Path(name)))
