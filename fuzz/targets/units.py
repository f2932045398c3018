"""Files of finished units."""

from __future__ import annotations

import hashlib
import json
import warnings
from typing import Final

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sordino.checkpoints import Checkpoints
from targets.inputs import HERE, SOUND, changed, changes

FINISHED: Final = {
    name: pd.DataFrame({"row": np.arange(20), "score": SOUND[:20] * factor, "speaker": [name] * 20})
    for factor, name in enumerate(("first", "second"), 1)
}
"""Tables of two units by name."""

UNITS: Final = Checkpoints(dict.fromkeys(FINISHED, "key"), HERE / "units", "units")
for name in FINISHED:
    UNITS.keep(name, FINISHED[name], {"name": name})
FILES: Final = {path: path.read_bytes() for path in sorted((HERE / "units").iterdir())}


@given(data=st.data(), how=changes, forged=st.booleans())
def units(data: st.DataObject, how: list[tuple[str, int, bytes]], forged: bool) -> None:
    for path, content in FILES.items():
        path.write_bytes(content)
    at, source = (data.draw(st.sampled_from(sorted(FILES))) for _ in range(2))
    at.write_bytes(changed(FILES[source], how) if data.draw(st.booleans()) else FILES[source])
    if forged and at.suffix == ".parquet":
        beside = at.with_suffix(".json")
        record = json.loads(beside.read_bytes())
        record.pop("checksum")
        record |= {"bytes": at.stat().st_size, "table": hashlib.sha256(at.read_bytes()).hexdigest()}
        record["checksum"] = hashlib.sha256(json.dumps(record).encode()).hexdigest()
        beside.write_text(json.dumps(record))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = {name: UNITS.find(name) for name in FINISHED}
    assert sum(unit is None for unit in found.values()) == len(told), "a unit was dropped silently"
    if forged:
        return
    for name, unit in found.items():
        assert unit is None or (unit[0].equals(FINISHED[name]) and unit[1] == {"name": name}), (
            "another unit was read"
        )
