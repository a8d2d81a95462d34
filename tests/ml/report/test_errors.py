"""Every error has a code and a sentence of its own."""

from __future__ import annotations

import pickle

from ml.report import errors


def test_every_error_has_its_own_code_and_survives_pickling() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.SoriError)]
    assert len({kind.code for kind in kinds}) == len(kinds) > 25
    error = errors.TooShortError(seconds=0.5, minimum=1.0)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), copy.facts) == (type(error), str(error), error.facts)
