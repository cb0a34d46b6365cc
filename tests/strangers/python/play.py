"""play.py BRIEFING STORY: plays one story against the daemon that the briefing names.

Standard output is for the test that started it: cues, then one report. It ends with 0 where everything was as it must
be.
"""

import asyncio
import json
import sys

import stories


def main() -> None:
    with open(sys.argv[1]) as file:
        briefing = json.load(file)
    story = sys.argv[2]
    proved, cases = [], []
    match story:
        case "refusals":
            import refusals

            cases = asyncio.run(refusals.play(briefing))
        case "violations":
            import violations

            cases = asyncio.run(violations.play(briefing))
        case _:
            proved = asyncio.run(stories.ALL[story](briefing))
    print(json.dumps({"proved": proved, "cases": cases}), flush=True)


main()
