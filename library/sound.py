"""What a song sounds like to the genre model: its mean evidence, as it is kept and as it is compared."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ml.genre import EVIDENCE_SIZE
from ml.trunk import TAGS

Floats = npt.NDArray[np.float32]

VERSION = 1


def pack(evidence: Floats) -> bytes:
    """Mean evidence (EVIDENCE_SIZE,) of evidence (windows, EVIDENCE_SIZE), as it is kept."""
    return bytes(evidence.mean(axis=0).astype("<f4").tobytes())


def unpack(kept: bytes) -> Floats:
    evidence = np.frombuffer(kept, "<f4").astype(np.float32)
    if evidence.shape != (EVIDENCE_SIZE,):
        raise ValueError(f"evidence has {evidence.size} numbers, not {EVIDENCE_SIZE}")
    return evidence


def features(evidence: Floats) -> Floats:
    """The logits of the tags and the embedding; the tags' probabilities say no more than their logits."""
    return evidence[len(TAGS) :]
