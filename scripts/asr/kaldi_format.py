"""Writers of Kaldi's binary objects, as far as a Vosk model needs them.

Sources: Kaldi's base/io-funcs-inl.h (basic types), matrix/kaldi-matrix.cc and
matrix/compressed-matrix.cc (matrices), hmm/transition-model.cc and hmm/hmm-topology.cc (TransitionModel),
nnet3/nnet-nnet.cc and nnet3/nnet-simple-component.cc (Nnet), nnet3/am-nnet-simple.cc.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np


class KaldiWriter:
    """Kaldi's binary stream: a ``\\0B`` mark, then tokens and values that carry their size."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        file.write(b"\0B")

    def token(self, text: str) -> None:
        """A word and a blank."""
        self.file.write(text.encode() + b" ")

    def integer(self, value: int) -> None:
        """int32 behind its size in bytes."""
        self.file.write(struct.pack("<bi", 4, value))

    def real(self, value: float) -> None:
        """float32 behind its size in bytes."""
        self.file.write(struct.pack("<bf", 4, value))

    def boolean(self, value: bool) -> None:
        """T or F."""
        self.file.write(b"T" if value else b"F")

    def integers(self, values: Sequence[int]) -> None:
        """std::vector<int32>: element size, count, elements."""
        self.file.write(struct.pack("<bi", 4, len(values)) + np.asarray(values, "<i4").tobytes())

    def vector(self, values: np.ndarray) -> None:
        """Vector<float>."""
        data = np.ascontiguousarray(values, "<f4")
        self.token("FV")
        self.integer(len(data))
        self.file.write(data.tobytes())

    def double_matrix(self, values: np.ndarray) -> None:
        """Matrix<double>, row by row."""
        data = np.ascontiguousarray(values, "<f8")
        self.token("DM")
        self.integer(data.shape[0])
        self.integer(data.shape[1])
        self.file.write(data.tobytes())

    def compressed_matrix(self, values: np.ndarray) -> None:
        """A matrix at 8 bits an element ("CM"), which Matrix<float>::Read takes like a full one.

        Header: minimum and range of all (float32), rows and columns (int32). Then four uint16 a column, its
        quantiles 0, 1/4, 3/4 and 1 in 65535ths of the range; then column by column a byte an element: 0 to 64
        run from the first quantile to the second, 64 to 192 to the third, 192 to 255 to the last.
        """
        low = float(values.min())
        spread = max(float(values.max()) - low, 1e-10)
        quantiles = np.quantile(values, [0, 0.25, 0.75, 1], axis=0)  # [4, columns]
        marks = np.clip(np.rint((quantiles - low) / spread * 65535), 0, 65535).astype(int)
        for i in range(1, 4):  # Kaldi wants them strictly rising
            marks[i] = np.maximum(marks[i], marks[i - 1] + 1)
        for i in range(3, -1, -1):
            marks[i] = np.minimum(marks[i], 65535 - (3 - i))
        edges = low + spread * marks / 65535
        codes = np.empty(values.shape, np.uint8)
        for column in range(values.shape[1]):
            place = np.interp(values[:, column], edges[:, column], [0, 64, 192, 255])
            codes[:, column] = np.rint(place)
        self.token("CM")
        self.file.write(struct.pack("<ffii", low, spread, *values.shape))
        self.file.write(marks.T.astype("<u2").tobytes() + codes.T.tobytes())


def write_transition_model(writer: KaldiWriter, pdfs: Sequence[tuple[int, int]]) -> None:
    """One emitting state a phone, as in Kaldi's chain models; pdfs[p - 1]: (first frame, later) of phone p.

    With a single such state the self-loop of phone p has transition id 2p - 1 and its forward arc 2p.
    """
    count = len(pdfs)
    writer.token("<TransitionModel>")
    writer.token("<Topology>")
    writer.integers(range(1, count + 1))
    writer.integers([-1] + [0] * count)
    writer.integer(-1)  # what follows tells forward and self-loop pdf classes apart
    writer.integer(1)  # one topology entry, of two states
    writer.integer(2)
    for value in (0, 1, 2):  # state 0: forward class 0, self-loop class 1, two transitions
        writer.integer(value)
    for target in (0, 1):
        writer.integer(target)
        writer.real(0.5)
    for value in (-1, -1, 0):  # state 1: no pdf, no transition
        writer.integer(value)
    writer.token("</Topology>")
    writer.token("<Tuples>")
    writer.integer(count)
    for phone, (first, later) in enumerate(pdfs, 1):
        for value in (phone, 0, first, later):
            writer.integer(value)
    writer.token("</Tuples>")
    writer.token("<LogProbs>")
    log_probabilities = np.full(2 * count + 1, np.log(0.5), np.float32)
    log_probabilities[0] = 0
    writer.vector(log_probabilities)
    writer.token("</LogProbs>")
    writer.token("</TransitionModel>")


def write_network(
    writer: KaldiWriter, layers: Sequence[tuple[np.ndarray, np.ndarray]], offsets: Sequence[int], context: int
) -> None:
    """AmNnetSimple without priors: affine layers over frames (t - offset, t, t + offset), ReLU between them.

    layers: (weights [out, in], bias [out]); the last one is the output and sees one frame.
    """
    last = len(layers) - 1
    inputs = layers[0][0].shape[1] // 3
    config = [f"input-node name=input dim={inputs}"]
    before = "input"
    for i in range(last):
        name, off = f"tdnn{i + 1}", offsets[i]
        spliced = f"Append(Offset({before}, -{off}), {before}, Offset({before}, {off}))"
        config.append(f"component-node name={name}.affine component={name}.affine input={spliced}")
        config.append(f"component-node name={name}.relu component={name}.relu input={name}.affine")
        before = f"{name}.relu"
    config.append(f"component-node name=output.affine component=output.affine input={before}")
    config.append("output-node name=output input=output.affine objective=linear")
    writer.token("<Nnet3>")
    writer.file.write(("\n" + "\n".join(config) + "\n\n").encode())
    writer.token("<NumComponents>")
    writer.integer(2 * last + 1)
    for i, (weights, bias) in enumerate(layers):
        name = "output" if i == last else f"tdnn{i + 1}"
        writer.token("<ComponentName>")
        writer.token(f"{name}.affine")
        writer.token("<AffineComponent>")
        writer.token("<LearningRate>")
        writer.real(0.001)
        writer.token("<LinearParams>")
        writer.compressed_matrix(weights)
        writer.token("<BiasParams>")
        writer.vector(bias)
        writer.token("<IsGradient>")
        writer.boolean(False)
        writer.token("</AffineComponent>")
        if i == last:
            break
        writer.token("<ComponentName>")
        writer.token(f"{name}.relu")
        writer.token("<RectifiedLinearComponent>")
        writer.token("<Dim>")
        writer.integer(len(bias))
        for statistic in ("<ValueAvg>", "<DerivAvg>"):
            writer.token(statistic)
            writer.vector(np.zeros(0))
        writer.token("<Count>")
        writer.real(0.0)
        writer.token("</RectifiedLinearComponent>")
    writer.token("</Nnet3>")
    writer.token("<LeftContext>")
    writer.integer(context)
    writer.token("<RightContext>")
    writer.integer(context)
    writer.token("<Priors>")
    writer.vector(np.zeros(0))
