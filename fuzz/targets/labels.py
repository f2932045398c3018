"""Tables and manifests with labels."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from sordino.errors import SordinoError
from targets.inputs import HERE, changed, changes

cells = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "",
            "NA",
            "nan",
            "1",
            "1.0",
            "01",
            "Female",
            "female",
            "f",
            " a",
            "a\u200b",
            "=1+1",
            '"',
            "a,b",
        ]
    ),
    st.floats().map(str),
)


@given(data=st.data())
def labels(data: st.DataObject) -> None:
    import csv

    from sordino.corpora.adapters import manifest
    from sordino.features.labelled import read_labelled, read_reference

    kind = data.draw(st.sampled_from(["rows", "bytes", "changed"]))
    path = HERE / f"labels.{data.draw(st.sampled_from(['csv', 'csv', 'npz', 'parquet']))}"
    header = ["file", "speaker", "gender", "emotion", "x0", "x1"]
    rows = data.draw(
        st.lists(
            st.tuples(*(cells,) * 4, *(st.floats(-9, 9).map(str),) * 2), min_size=1, max_size=12
        )
    )
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=data.draw(st.sampled_from(",,;\t|"))).writerows([header, *rows])
    content = text.getvalue().encode("utf-8", "surrogatepass")
    if path.suffix != ".csv":
        content = _stored(path.suffix, header, rows)
    if kind == "bytes":
        content = data.draw(st.binary(max_size=400))
    path.write_bytes(changed(content, data.draw(changes)) if kind == "changed" else content)
    for reading in (
        lambda: manifest.load(path),
        lambda: _same(read_labelled(path, ["speaker", "gender"]), kind, rows),
        lambda: read_reference(path, read_labelled(path, ["speaker"])),
    ):
        message = ""
        try:
            reading()
        except SordinoError as error:
            message = str(error)
        assert "\n" not in message.strip(), "an error of several lines"


def _stored(suffix: str, header: list[str], rows: list[tuple[str, ...]]) -> bytes:

    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    x = np.array([columns["x0"], columns["x1"]], float).T
    stored = io.BytesIO()
    if suffix == ".npz":
        texts: dict[str, Any] = {name: np.array(columns[name], str) for name in header[1:4]}
        np.savez(stored, x=x, **texts)
    else:
        plain = {
            name: [cell.encode("utf-8", "replace").decode() for cell in columns[name]]
            for name in header[:4]
        }
        pd.DataFrame({**plain, "x0": x[:, 0], "x1": x[:, 1]}).to_parquet(stored)
    return stored.getvalue()


def _same(table: Any, kind: str, rows: list[tuple[str, ...]]) -> None:
    """What was read of rows is what was written."""
    if kind == "rows" and table.path.suffix == ".csv":
        assert [*table.labels["speaker"]] == [row[1] for row in rows], (
            "another label than was written"
        )
