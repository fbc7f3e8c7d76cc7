"""The process of a contender: makes it, then does what each line of its input says and answers by a line of JSON.

python -m benchmarks.engine.worker ROW PEER DATA NUMBER CORES
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.engine.cores import pin


def main() -> None:
    row_name, peer_name, data, at, cores = sys.argv[1:]
    say = speaker()
    pin([int(core) for core in cores.split(",")])
    from benchmarks.engine.peers import here
    from benchmarks.engine.rows import row

    try:
        one = here(row(row_name), row(row_name).peer(peer_name), Path(data), at=int(at))
        say({"notes": one.notes})
        for line in sys.stdin:
            word, *rest = line.split()
            say({"cost": one.run(int(rest[0]))} if word == "run" else {"accuracy": one.accuracy()})
    except Exception as problem:  # said to the one who waits
        say({"failed": f"{type(problem).__name__}: {problem}".split("\n", 1)[0]})


def speaker() -> Callable[[dict[str, Any]], None]:
    """Answers by what was standard output; what libraries print there goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return lambda value: print(json.dumps(value), file=answers, flush=True)


if __name__ == "__main__":
    main()
