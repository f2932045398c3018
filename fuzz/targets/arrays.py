"""Archives of arrays: headers that numpy evaluates, and damaged archives."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.test_hostile_arrays import HEADERS, READERS, forged

from sordino.errors import SordinoError
from targets.inputs import HERE, changed, changes

WHOLE: str = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 4)}"


def _archive() -> bytes:
    content = io.BytesIO()
    np.savez_compressed(content, x=np.arange(16, dtype=np.float32).reshape(4, 4))
    return content.getvalue()


ARCHIVE: bytes = _archive()


@given(data=st.data())
def arrays(data: st.DataObject) -> None:
    if data.draw(st.booleans()):
        header = data.draw(st.sampled_from([WHOLE, *HEADERS.values()])).encode()
        text = changed(header, data.draw(changes)).decode("latin-1")
        content = forged(text.encode("ascii", "replace").decode()[:60_000])
    else:
        content = changed(ARCHIVE, data.draw(changes))
    path = HERE / "arrays.npz"
    path.write_bytes(content)
    for read, _ in READERS.values():
        with contextlib.suppress(SordinoError):
            read(path)
