"""Training of the genre network: cross-entropy, Adam, stopped early by validation songs, and resumable.

After every epoch the whole state is in one file. A run that was killed continues after its last complete epoch with the
same order of songs and the same dropout as without the interruption.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn
from torch.utils.data import DataLoader

from ml.features.arrays import Floats, Integers
from ml.lyrics.text.encoder import TextEncoder
from ml.lyrics.text.network import build_head, standardise_pooled
from ml.report.progress import show_progress
from ml.train.files import write_file

PATIENCE = 8
BATCH = 32
LEARNING_RATE = 1e-3
FINE_TUNING_RATE = 3e-5
"""For a pretrained encoder; one from scratch learns as fast as the head."""
STATE_NAME = "state.safetensors"


@dataclass(frozen=True)
class Inputs:
    """Songs as the network takes them. With a frozen encoder, its output is part of `fixed` and `texts` is empty."""

    fixed: Floats
    """(songs, size): mean word vectors, pooled outputs and tempo, as far as they are used and do not change."""
    labels: Integers
    texts: Sequence[str] = ()


@dataclass
class State:
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """Settings of one training; `folder` belongs to it alone: its name is a hash of data and settings."""

    labels: int
    folder: Path
    epochs: int
    seed: int
    tokens: int = 0
    encoder_rate: float = LEARNING_RATE


class Network(nn.Module):  # type: ignore[misc]
    """The head, and the encoder where it is trained too. The encoder's output comes before the tempo in `fixed`."""

    def __init__(self, size: int, labels: int, encoder: TextEncoder | None, split: int) -> None:
        super().__init__()
        self.head = build_head(size, labels)
        self.bert = encoder.model if encoder else None
        self.encoder, self.split = encoder, split

    def forward(self, fixed: torch.Tensor, tokens: dict[str, torch.Tensor] | None) -> torch.Tensor:
        if self.encoder is not None and tokens is not None:
            pooled = standardise_pooled(self.encoder.pooled(tokens))
            fixed = torch.cat([fixed[:, : self.split], pooled, fixed[:, self.split :]], dim=1)
        scores: torch.Tensor = self.head(fixed)
        return scores


def fit(
    train: Inputs, valid: Inputs, run: Run, *, encoder: TextEncoder | None = None, split: int = 0
) -> tuple[Network, State]:
    """The network of the best epoch on the validation songs, and the run's history.

    encoder: one that is trained too. split: where its output goes between the columns of `Inputs.fixed`.
    """
    torch.manual_seed(run.seed)
    size = train.fixed.shape[1] + (encoder.size if encoder else 0)
    network = Network(size, run.labels, encoder, split)
    groups = [{"params": list(network.head.parameters()), "lr": LEARNING_RATE}]
    if encoder:
        groups.append({"params": list(encoder.model.parameters()), "lr": run.encoder_rate})
    optimizer = torch.optim.Adam(groups)
    state, best = _resume(network, optimizer, run.folder)
    weight = _label_weights(train.labels, run.labels)
    started, first = time.perf_counter(), state.epoch
    while state.epoch < run.epochs and state.epoch - state.best_epoch < PATIENCE:
        loss = _epoch(network, optimizer, train, run, weight, state.epoch)
        accuracy = float((scores(network, valid, run.tokens).argmax(axis=1) == valid.labels).mean())
        state.epoch += 1
        state.history.append({"loss": round(loss, 4), "valid": round(accuracy, 4)})
        if accuracy > state.best:
            state.best, state.best_epoch = accuracy, state.epoch
            best = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
        _save(network, optimizer, best, state, run.folder)
        left = (time.perf_counter() - started) / (state.epoch - first) * (run.epochs - state.epoch)
        show_progress(
            f"epoch {state.epoch} of at most {run.epochs}, loss {loss:.3f}, validation {accuracy:.3f} "
            f"(best {state.best:.3f}), at most {left:.0f} s left"
        )
    show_progress(f"network: best after epoch {state.best_epoch} of {state.epoch}, validation {state.best:.3f}\n")
    network.load_state_dict(best)
    return network.eval(), state


def scores(network: Network, inputs: Inputs, tokens: int) -> Floats:
    """(songs, labels)"""
    network.eval()
    found = []
    with torch.inference_mode():
        for rows in torch.arange(len(inputs.labels)).split(BATCH):
            found.append(network(*_batch(network, inputs, rows, tokens)).numpy())
    return np.concatenate(found).astype(np.float32)


def clear(folder: Path) -> None:
    """Delete the checkpoint of a finished run."""
    (folder / STATE_NAME).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _epoch(
    network: Network, optimizer: torch.optim.Optimizer, inputs: Inputs, run: Run, weight: torch.Tensor, epoch: int
) -> float:
    """Mean loss of one pass. Order and dropout follow from seed and epoch alone, so that a resumed run is the same."""
    torch.manual_seed(run.seed * 100_003 + epoch)
    network.train()
    losses = []
    for rows in _shuffled(len(inputs.labels), run.seed * 100_003 + epoch):
        predicted = network(*_batch(network, inputs, rows, run.tokens))
        target = torch.from_numpy(inputs.labels)[rows]
        loss = nn.functional.cross_entropy(predicted, target, weight=weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call, unused-ignore]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(float(loss.detach()))
    return float(np.mean(losses))


def _shuffled(count: int, seed: int) -> Iterator[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    yield from DataLoader(range(count), batch_size=BATCH, shuffle=True, generator=generator)  # type: ignore[arg-type, unused-ignore]


def _batch(
    network: Network, inputs: Inputs, rows: torch.Tensor, tokens: int
) -> tuple[torch.Tensor, dict[str, torch.Tensor] | None]:
    fixed = torch.from_numpy(inputs.fixed)[rows]
    if network.encoder is None:
        return fixed, None
    return fixed, network.encoder.tokens([inputs.texts[row] for row in rows.tolist()], tokens)


def _label_weights(labels: Integers, count: int) -> torch.Tensor:
    """Every label has the same total weight."""
    counts = np.maximum(np.bincount(labels, minlength=count), 1)
    return torch.from_numpy((len(labels) / (count * counts)).astype(np.float32))


def _save(
    network: Network, optimizer: torch.optim.Optimizer, best: Mapping[str, torch.Tensor], state: State, folder: Path
) -> None:
    tensors = {f"now.{name}": tensor for name, tensor in network.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in best.items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": tensor for name, tensor in moments.items()}
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    metadata = {"state": json.dumps(asdict(state))}
    write_file(folder / STATE_NAME, lambda partial: save_file(copies, partial, metadata))


def _resume(network: Network, optimizer: torch.optim.Optimizer, folder: Path) -> tuple[State, dict[str, torch.Tensor]]:
    """The state of an interrupted run, loaded into network and optimizer, or that of a new one."""
    fresh = State(), {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    tensors: dict[str, dict[str, torch.Tensor]] = {"now": {}, "best": {}, "adam": {}}
    try:
        with safe_open(folder / STATE_NAME, "pt") as file:
            state = State(**json.loads(file.metadata()["state"]))
            for name in file.keys():  # noqa: SIM118 - no dictionary
                part, _, rest = name.partition(".")
                tensors[part][rest] = file.get_tensor(name)
    except FileNotFoundError:
        return fresh
    except (OSError, SafetensorError, ValueError, TypeError, KeyError):
        show_progress("the checkpoint cannot be read: starting anew\n")
        return fresh
    shapes = {name: tensor.shape for name, tensor in fresh[1].items()}
    if any(shapes != {name: tensor.shape for name, tensor in tensors[part].items()} for part in ("now", "best")):
        show_progress("the checkpoint is of another version: starting anew\n")
        return fresh
    network.load_state_dict(tensors["now"])
    content: dict[str, Any] = optimizer.state_dict()
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors["adam"].items():
        number, _, kind = name.partition(".")
        moments.setdefault(int(number), {})[kind] = tensor
    optimizer.load_state_dict(content | {"state": moments})
    show_progress(f"continuing after epoch {state.epoch}\n")
    return state, tensors["best"]
