"""Matrix products by weights that are cut into panels, for a few rows or some hundreds, as kernels of a step can call them.

    into[r, j] = max(floor, sum_k rows[r, k] matrix[j, k] + bias[j])

A panel holds LANES outputs (rows of the matrix) with those of one k side by side: (K, LANES).  Weights are read once from one end to the
other, as memory likes best; a core keeps the sums of a few rows and all lanes of a panel in its registers, and nothing is added up
across a vector.  Compilers do not find this tile by themselves, so its few instructions are spelled out.

Importing this file needs numba.  Letters: R rows, K inputs, J outputs, P panels.
"""

# pyright: reportMissingImports=false, reportCallIssue=false

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from torch import Tensor
from torch.nn import functional as F

from gyebo.layers.compiling import kernel

__all__ = ["LANES", "panels", "products"]

LANES = 16
"""outputs of a panel: two vectors of AVX2, one of AVX-512, a cache line"""
TILE_ROWS = 6
"""rows whose sums are in registers together: twelve of sixteen vectors, with two of weights and one of a row's number"""
AHEAD = 64
"""weights are asked for so many steps before they are read, across the ends of pages, where the processor's own foresight ends"""
LARGE = 2**22
"""numbers of a matrix that no cache keeps until the next step: memory gives no more than it does, and asking for it early costs"""


def panels(matrices: Tensor) -> np.ndarray:
    """(..., J, K) -> (..., P, K, LANES), zeros behind the last output.

    >>> panels(Tensor([[1.0, 2.0]])).shape
    (1, 2, 16)
    """
    filled = F.pad(matrices.detach(), (0, 0, 0, -matrices.shape[-2] % LANES))
    return filled.unflatten(-2, (-1, LANES)).transpose(-2, -1).numpy().copy()  # NumPy asks for large pages, and torch does not


def _ask_for(builder: Any, address: Any) -> None:
    """Have a cache line fetched; an address behind the last weight does no harm."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], ir.FunctionType(ir.VoidType(), [byte, *3 * [number]]))
    for_reading, into_all_caches, of_data = (ir.Constant(number, value) for value in (0, 3, 1))
    builder.call(prefetch, [builder.bitcast(address, byte), for_reading, into_all_caches, of_data])


def _tile(count: int) -> Any:
    """The kernel of `count` rows and one panel."""

    @intrinsic
    def tile(
        typing_context: Any, rows: Any, row: Any, panels: Any, panel: Any, bias: Any, floor: Any, into: Any, at: Any, ahead: Any
    ) -> Any:
        """rows (R, K), from `row` on; panels (P, K, LANES); bias (P LANES,); writes into (R, J) from its number `at` on.

        ahead: steps of k.
        """

        def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            index, number, vector = ir.IntType(64), ir.FloatType(), ir.VectorType(ir.FloatType(), LANES)

            def array(place: int) -> Any:
                return context.make_array(signature.args[place])(context, builder, arguments[place])

            def vector_at(data: Any, place: Any) -> Any:
                return builder.bitcast(builder.gep(data, [place]), vector.as_pointer())

            def in_every_lane(value: Any) -> Any:
                first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
                lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
                return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)

            rows, panels, bias, into = array(0), array(2), array(4), array(6)
            _, row, _, panel, _, floor, _, at, ahead = arguments
            size, width = builder.extract_value(rows.shape, 1), builder.extract_value(into.shape, 1)
            zero, one, lanes = (ir.Constant(index, value) for value in (0, 1, LANES))
            begin = builder.mul(row, size)
            starts = [builder.add(begin, builder.mul(size, ir.Constant(index, r))) for r in range(count)]
            panel_begin = builder.mul(panel, builder.mul(size, lanes))

            before, loop, behind = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("behind")
            builder.branch(loop)
            builder.position_at_end(loop)
            k, sums = builder.phi(index), [builder.phi(vector) for _ in range(count)]
            weights = builder.load(vector_at(panels.data, builder.add(panel_begin, builder.mul(k, lanes))), align=4)
            _ask_for(builder, vector_at(panels.data, builder.add(panel_begin, builder.mul(builder.add(k, ahead), lanes))))
            following = builder.add(k, one)
            k.add_incoming(zero, before)
            k.add_incoming(following, loop)
            totals = []
            for total, start in zip(sums, starts, strict=True):
                value = in_every_lane(builder.load(builder.gep(rows.data, [builder.add(start, k)])))
                totals.append(builder.fadd(total, builder.fmul(weights, value, flags=("contract",)), flags=("contract",)))
                total.add_incoming(ir.Constant(vector, [ir.Constant(number, 0.0)] * LANES), before)
                total.add_incoming(totals[-1], loop)
            builder.cbranch(builder.icmp_signed("<", following, size), loop, behind)

            builder.position_at_end(behind)
            shift = builder.load(vector_at(bias.data, builder.mul(panel, lanes)), align=4)
            floors = in_every_lane(floor)
            for r, total in enumerate(totals):
                result = builder.fadd(total, shift)
                result = builder.select(builder.fcmp_ordered("<", result, floors), floors, result)
                place = builder.add(at, builder.mul(width, ir.Constant(index, r)))
                builder.store(result, vector_at(into.data, place), align=4)
            return context.get_dummy_value()

        signature = types.void(rows, types.int64, panels, types.int64, bias, types.float32, into, types.int64, types.int64)
        return signature, instructions

    return tile


tile_1, tile_2, tile_3, tile_4, tile_5, tile_6 = (_tile(count) for count in range(1, TILE_ROWS + 1))


@kernel
def tile_of(count, rows, row, panels, panel, bias, floor, into, at, ahead):
    if count >= TILE_ROWS:
        tile_6(rows, row, panels, panel, bias, floor, into, at, ahead)
    elif count == 5:
        tile_5(rows, row, panels, panel, bias, floor, into, at, ahead)
    elif count == 4:
        tile_4(rows, row, panels, panel, bias, floor, into, at, ahead)
    elif count == 3:
        tile_3(rows, row, panels, panel, bias, floor, into, at, ahead)
    elif count == 2:
        tile_2(rows, row, panels, panel, bias, floor, into, at, ahead)
    else:
        tile_1(rows, row, panels, panel, bias, floor, into, at, ahead)


@kernel
def products(rows, panels, bias, floor, into, begin, end):
    """Outputs j from begin to end, of no panel or of several: rows (R, K), panels (P, K, LANES), bias (P LANES,), into (R, J)."""
    count, outputs = into.shape
    ahead = AHEAD if panels.size < LARGE else 0
    tiles = (count + TILE_ROWS - 1) // TILE_ROWS  # of like heights: one row takes as long as four
    spare = np.empty((TILE_ROWS, LANES), np.float32)
    for panel in range(begin // LANES, (end + LANES - 1) // LANES):
        left, right = max(begin, panel * LANES), min(end, (panel + 1) * LANES)
        for tile in range(tiles):
            row, next_row = count * tile // tiles, count * (tile + 1) // tiles
            if right - left == LANES:
                tile_of(next_row - row, rows, row, panels, panel, bias, floor, into, row * outputs + left, ahead)
            else:  # a vector would write over what is not its own
                tile_of(next_row - row, rows, row, panels, panel, bias, floor, spare, 0, ahead)
                for r in range(next_row - row):
                    for j in range(left, right):
                        into[row + r, j] = spare[r, j - panel * LANES]
