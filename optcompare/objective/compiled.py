"""Compiled evaluation of a model's loss: of a population, and with its gradient.

Only ``kernels.py`` imports this module, since importing it imports numba. Everything is in one file because numba's
cache on disk notices a change in the file of the function that it compiled, and in no other.

Items lie side by side: a layer's values of T items are an array (units, T), so that every loop that costs runs along T
and LLVM turns it into vector instructions. Work goes tile by tile of items (``tiling``), in a tile candidate by
candidate, so that a candidate's value depends neither on how many there are nor on how they are shared among threads.
Columns that fill a tile up to full vectors hold zeros as inputs and are never counted.

Contraction of a*b + c into one rounding is the only liberty with floating point: NaN, inf, -0 and the order of sums
are as written. Choices are written ``limit if x > limit else x`` because this keeps NaN.
"""

# mypy: allow-untyped-defs, allow-untyped-decorators, allow-untyped-calls

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

OPTIONS: dict[str, Any] = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True, "no_cfunc_wrapper": True}
INNER = OPTIONS | {"no_cpython_wrapper": True}  # called from compiled code only: half as much to compile

UNROLLED = 32  # flat loops run over multiples of this: no item is left to a slower loop at the end

LOG2_E = 1.4426950408889634
LN_2 = 0.6931471805599453
LN_2_HIGH, LN_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # HIGH times an integer < 2^20 is exact
SHIFT = 1.5 * 2.0**52  # x + SHIFT has the integer nearest to x in its lowest bits
ONE_BITS = 1023 << 52  # the bits of 1.0
SIGN_BIT = -(1 << 63)
EXPONENT_BITS = -(1 << 52)
ROOT_HALF_BITS = 0x3FE6A09E667F3BCD

TANH, RELU, SIGMOID, IDENTITY = range(4)
HALF_SQUARED_ERROR, LOGISTIC, SOFTMAX, RAMP, ZERO_ONE = range(5)

# plan: what the kernels must know of a model, an array of integers
ACTIVATION, LOSS, N_LAYERS, WIDTHS = range(4)  # after WIDTHS: n_layers + 1 widths, then n_layers times "by BLAS"


@intrinsic
def _bits(context: Any, x: Any) -> Any:
    """Return the bits of a float64 as an int64."""
    return types.int64(types.float64), lambda c, builder, signature, args: builder.bitcast(
        args[0], c.get_value_type(types.int64)
    )


@intrinsic
def _from_bits(context: Any, x: Any) -> Any:
    """Return the float64 that has the bits of an int64."""
    return types.float64(types.int64), lambda c, builder, signature, args: builder.bitcast(
        args[0], c.get_value_type(types.float64)
    )


@intrinsic
def _part(context: Any, array: Any, start: Any, n: Any) -> Any:
    """Return array[start : start + n] of a contiguous vector: no bounds, no reference count, little to compile."""
    kind = types.Array(array.dtype, 1, "C")

    def generate(c: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = builder.gep(c.make_array(signature.args[0])(c, builder, args[0]).data, [args[1]])
        part = c.make_array(kind)(c, builder)
        size = c.get_constant(types.intp, array.dtype.bitwidth // 8)
        c.populate_array(part, data=data, shape=[args[2]], strides=[size], itemsize=size, meminfo=None)
        return part._getvalue()

    return kind(array, types.intp, types.intp), generate


@intrinsic
def _number_at(context: Any, address: Any, position: Any) -> Any:
    """Return number ``position`` of the float64 array at an address."""

    def generate(c: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], c.get_value_type(types.float64).as_pointer())
        return builder.load(builder.gep(pointer, [args[1]]))

    return types.float64(types.int64, types.int64), generate


@intrinsic
def _dgemm(
    context: Any, address: Any, transposed: Any, sizes: Any, a: Any, lda: Any, b: Any, ldb: Any, c: Any, ldc: Any
) -> Any:
    """Call BLAS at an address: C += op(A) op(B), by columns; C is (m, n), op(A) (m, k), sizes = (m, n, k).

    ``transposed``: whether op transposes A, and B. The address is that of ``scipy.linalg.cython_blas.dgemm``; as an
    argument it leaves the compiled function fit for the cache on disk.
    """

    def generate(target: Any, builder: Any, signature: Any, args: Any) -> Any:
        char, c_int, real = (target.get_value_type(kind) for kind in (types.int8, types.int32, types.float64))

        def stored(kind: Any, value: Any) -> Any:
            return cgutils.alloca_once_value(builder, value)

        def letter(is_transposed: Any) -> Any:
            return stored(char, builder.select(is_transposed, char(ord("T")), char(ord("N"))))

        def integer(value: Any) -> Any:
            return stored(c_int, builder.trunc(value, c_int))

        flags, shape = cgutils.unpack_tuple(builder, args[1]), cgutils.unpack_tuple(builder, args[2])
        data = [target.make_array(signature.args[at])(target, builder, args[at]).data for at in (3, 5, 7)]
        one = stored(real, real(1.0))
        given = [
            *(letter(cgutils.as_bool_bit(builder, flag)) for flag in flags),
            *(integer(size) for size in shape),
            one, data[0], integer(args[4]), data[1], integer(args[6]), one, data[2], integer(args[8]),
        ]  # fmt: skip
        kind = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), given)
        return target.get_dummy_value()

    flags, shape = types.UniTuple(types.boolean, 2), types.UniTuple(types.intp, 3)
    size = types.intp
    return types.void(types.intp, flags, shape, a, size, b, size, c, size), generate


# -- functions of one number -----------------------------------------------------------------------------------------


@njit(**INNER)
def tanh(x):
    """Return tanh x, within 4 units in the last place.

    With |x| = k ln2/2 + y and tanh y = v/u: tanh |x| = ((2^k - 1) u + (2^k + 1) v)/((2^k + 1) u + (2^k - 1) v), where
    v/u is the Pade approximant [7/6] of tanh, in error by less than y^14/2.7e11 < 1e-22 for |y| <= ln2/4.
    """
    size = abs(x)
    size = 22.0 if size > 22.0 else size
    shifted = size * (2.0 * LOG2_E) + SHIFT
    k = shifted - SHIFT
    y = size - k * (0.5 * LN_2_HIGH)
    y = y - k * (0.5 * LN_2_LOW)
    s = y * y
    v = y * (135135.0 + s * (17325.0 + s * (378.0 + s)))
    u = 135135.0 + s * (62370.0 + s * (3150.0 + s * 28.0))
    power = _from_bits((_bits(shifted) << 52) + ONE_BITS)
    below, above = power - 1.0, power + 1.0
    result = (below * u + above * v) / (above * u + below * v)
    return _from_bits(_bits(result) | (_bits(x) & SIGN_BIT))


@njit(**INNER)
def exp(x):
    """Return e^x, within 4 units in the last place: 2^k (u + v)/(u - v), x = k ln2 + 2 y, tanh y = v/u as in tanh.

    2^k is applied in two halves, so that results may be subnormal.
    """
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    k = (x * LOG2_E + SHIFT) - SHIFT
    y = 0.5 * x - k * (0.5 * LN_2_HIGH)
    y = y - k * (0.5 * LN_2_LOW)
    s = y * y
    v = y * (135135.0 + s * (17325.0 + s * (378.0 + s)))
    u = 135135.0 + s * (62370.0 + s * (3150.0 + s * 28.0))
    half = 0.5 * k + SHIFT
    rest = (k - (half - SHIFT)) + SHIFT
    scale = _from_bits((_bits(half) << 52) + ONE_BITS)
    return (1.0 + 2.0 * v / (u - v)) * scale * _from_bits((_bits(rest) << 52) + ONE_BITS)


@njit(**INNER)
def _twice_atanh(s):
    """Return ln((1 + s)/(1 - s)) for |s| <= 0.172 by its series; the first term left out is below 1e-18."""
    q = s * s
    p = 1 / 21 + q * (1 / 23 + q * (1 / 25))
    p = 1 / 15 + q * (1 / 17 + q * (1 / 19 + q * p))
    p = 1 / 9 + q * (1 / 11 + q * (1 / 13 + q * p))
    p = 1 / 3 + q * (1 / 5 + q * (1 / 7 + q * p))
    return 2.0 * (s + s * q * p)


@njit(**INNER)
def log1p_of_share(e):
    """Return ln(1 + e) for e in [0, 1], within 4 units in the last place."""
    is_large = e > 0.41421356237309503
    s = (e - 1.0 if is_large else e) / (e + 3.0 if is_large else e + 2.0)
    return _twice_atanh(s) + (LN_2 if is_large else 0.0)


@njit(**INNER)
def log(x):
    """Return ln x for normal numbers x > 0, within 4 units in the last place; NaN for inf and NaN."""
    exponent = (_bits(x) - ROOT_HALF_BITS) & EXPONENT_BITS
    m = _from_bits(_bits(x) - exponent)  # in [sqrt(1/2), sqrt(2))
    k = _from_bits((exponent >> 52) + 0x4338000000000000) - SHIFT
    return (_twice_atanh((m - 1.0) / (m + 1.0)) + k * LN_2_LOW) + k * LN_2_HIGH + (x - x)


# -- tiles -----------------------------------------------------------------------------------------------------------


@njit(**INNER)
def _rounded_up(n):
    return (n + UNROLLED - 1) // UNROLLED * UNROLLED


@njit(**INNER)
def _read_inputs(X, rows, by_rows, mask, first, n_here, n, inputs):
    """Write the items of a tile side by side: inputs (p, n), times their mask, zeros in the columns left over."""
    n_features = X.shape[1]
    for start in range(0, n_here, 8):  # eight rows at a time: they stay in the fastest cache
        for q in range(n_features):
            to = _part(inputs, q * n + start, 8)
            for i in range(min(8, n_here - start)):
                to[i] = X[rows[first + start + i] if by_rows else first + start + i, q]
    for q in range(n_features):
        to = _part(inputs, q * n, n)
        if mask != 0:
            for i in range(n_here):
                to[i] *= _number_at(mask, (first + i) * n_features + q)
        for i in range(n_here, n):
            to[i] = 0.0


@njit(**INNER)
def _read_masks(masks, widths, n_layers, first, n_here, n, out):
    """Write a tile's masks of the hidden layers one behind another, (units, n) each; 1 where a layer has none."""
    place = 0
    for layer in range(1, n_layers):
        n_units = widths[layer]
        for j in range(n_units):
            to = _part(out, place + j * n, n)
            for i in range(n):
                is_masked = i < n_here and masks[layer] != 0
                to[i] = _number_at(masks[layer], (first + i) * n_units + j) if is_masked else 1.0
        place += n_units * n


@njit(**INNER)
def _read_answers(labels, targets, rows, loss, first, n_here, n, out):
    """Write what a tile's losses compare with: signs 2 y - 1, classes, or targets (k, n)."""
    for i in range(n):
        row = first + min(i, n_here - 1)
        row = rows[row] if len(rows) else row
        if loss == HALF_SQUARED_ERROR:
            for j in range(targets.shape[1]):
                out[j * n + i] = targets[row, j]
        else:
            out[i] = labels[row] if loss == SOFTMAX else 2.0 * labels[row] - 1.0


# -- a layer ---------------------------------------------------------------------------------------------------------


@njit(**INNER)
def _four(theta, start, step, n_there):
    """Return four weights, zeros for those beyond n_there."""
    return (
        theta[start] if n_there > 0 else 0.0,
        theta[start + step] if n_there > 1 else 0.0,
        theta[start + 2 * step] if n_there > 2 else 0.0,
        theta[start + 3 * step] if n_there > 3 else 0.0,
    )


@njit(**INNER)
def _product(theta, start, step_in, step_out, bias, blas, n_in, n_out, n, work, zeros, source, target):
    """Write sum_q w(q, j) inputs[q] + b(j) to outputs[j]; inputs (n_in, n), outputs (n_out, n) and n zeros in work.

    w(q, j) = theta[start + q step_in + j step_out], b(j) = theta[bias + j], or 0 where ``bias`` < 0. Without BLAS, four
    inputs by four outputs at a time: in the innermost loop 16 weights are in registers, and there are 16
    multiplications and additions for 12 reads and writes. Left-over inputs are filled up with zero weights and zeros.
    """
    inputs, outputs = _part(work, source, n_in * n), _part(work, target, n_out * n)
    for j in range(n_out):
        z, first = _part(outputs, j * n, n), theta[bias + j] if bias >= 0 else 0.0
        for i in range(n):
            z[i] = first
    if blas != 0:
        weights = _part(theta, start, n_in * n_out)
        _dgemm(blas, (False, bias >= 0), (n, n_out, n_in), inputs, n, weights, max(step_in, step_out), outputs, n)
        return
    four = 4 + 0 * n  # a constant as an argument would have numba compile the function anew
    # outputs outermost: the other way round LLVM's checks that reads and writes are apart fail
    for j in range(0, n_out - n_out % 4, 4):
        z0, z1 = _part(outputs, j * n, n), _part(outputs, (j + 1) * n, n)
        z2, z3 = _part(outputs, (j + 2) * n, n), _part(outputs, (j + 3) * n, n)
        for q in range(0, n_in, 4):
            v = start + q * step_in + j * step_out
            w00, w01, w02, w03 = _four(theta, v, step_out, four)
            w10, w11, w12, w13 = _four(theta, v + step_in, step_out, four if q + 1 < n_in else 0)
            w20, w21, w22, w23 = _four(theta, v + 2 * step_in, step_out, four if q + 2 < n_in else 0)
            w30, w31, w32, w33 = _four(theta, v + 3 * step_in, step_out, four if q + 3 < n_in else 0)
            a0, a1 = _part(inputs, q * n, n), _part(work, source + (q + 1) * n if q + 1 < n_in else zeros, n)
            a2 = _part(work, source + (q + 2) * n if q + 2 < n_in else zeros, n)
            a3 = _part(work, source + (q + 3) * n if q + 3 < n_in else zeros, n)
            for i in range(n):
                x0, x1, x2, x3 = a0[i], a1[i], a2[i], a3[i]
                z0[i] = z0[i] + x0 * w00 + x1 * w10 + x2 * w20 + x3 * w30
                z1[i] = z1[i] + x0 * w01 + x1 * w11 + x2 * w21 + x3 * w31
                z2[i] = z2[i] + x0 * w02 + x1 * w12 + x2 * w22 + x3 * w32
                z3[i] = z3[i] + x0 * w03 + x1 * w13 + x2 * w23 + x3 * w33
    for j in range(n_out - n_out % 4, n_out):
        z0 = _part(outputs, j * n, n)
        for q in range(0, n_in, 4):
            w0, w1, w2, w3 = _four(theta, start + q * step_in + j * step_out, step_in, n_in - q)
            a0, a1 = _part(inputs, q * n, n), _part(work, source + (q + 1) * n if q + 1 < n_in else zeros, n)
            a2 = _part(work, source + (q + 2) * n if q + 2 < n_in else zeros, n)
            a3 = _part(work, source + (q + 3) * n if q + 3 < n_in else zeros, n)
            for i in range(n):
                z0[i] = z0[i] + a0[i] * w0 + a1[i] * w1 + a2[i] * w2 + a3[i] * w3


@njit(**INNER)
def _multiply(z, by):
    for i in range(len(z)):
        z[i] *= by[i]


@njit(**INNER)
def _activate(z, n, activation):
    """Apply a hidden layer's function to z[:n]."""
    if activation == TANH:
        for i in range(n):
            z[i] = tanh(z[i])
    elif activation == SIGMOID:
        for i in range(n):
            z[i] = 0.5 * (tanh(0.5 * z[i]) + 1.0)
    elif activation == RELU:
        for i in range(n):
            z[i] = 0.0 if z[i] < 0.0 else z[i]


# -- losses ----------------------------------------------------------------------------------------------------------


@njit(**INNER)
def _sum(x, n):
    """Return the sum of n numbers, four running sums at a time."""
    s0, s1, s2, s3 = 0.0, 0.0, 0.0, 0.0
    whole = n - n % 4
    for i in range(0, whole, 4):
        s0 += x[i]
        s1 += x[i + 1]
        s2 += x[i + 2]
        s3 += x[i + 3]
    for i in range(whole, n):
        s0 += x[i]
    return (s0 + s1) + (s2 + s3)


@njit(**INNER)
def _softmax_losses(scores, n_candidates, n_scores, n, classes, work, losses):
    """Write ln sum_j exp(z_j) - z_y to losses (c, n); leave exp(z_j - max z) in scores (c, k, n), their sum in work."""
    for c in range(n_candidates):
        top, picked = _part(work, c * n, n), _part(losses, c * n, n)
        z = _part(scores, c * n_scores * n, n_scores * n)
        for i in range(n):
            top[i] = z[i]
        for j in range(1, n_scores):
            row = _part(z, j * n, n)
            for i in range(n):
                top[i] = row[i] if row[i] > top[i] else top[i]
        for j in range(n_scores):
            row = _part(z, j * n, n)
            for i in range(n):
                row[i] -= top[i]
        for i in range(n):
            picked[i] = z[int(classes[i]) * n + i]
    for i in range(_rounded_up(n_candidates * n_scores * n)):
        scores[i] = exp(scores[i])
    for c in range(n_candidates):
        total = _part(work, c * n, n)
        for i in range(n):
            total[i] = 0.0
        for j in range(n_scores):
            row = _part(scores, (c * n_scores + j) * n, n)
            for i in range(n):
                total[i] += row[i]
    for i in range(_rounded_up(n_candidates * n)):
        losses[i] = log(work[i]) - losses[i]


@njit(**INNER)
def _write_losses(loss, scores, n_candidates, n_scores, n, answers, work, losses):
    """Write the losses (c, n) of a tile's scores (c, k, n); softmax leaves its exponentials and their sums behind."""
    if loss == SOFTMAX:
        _softmax_losses(scores, n_candidates, n_scores, n, answers, work, losses)
    elif loss == HALF_SQUARED_ERROR:
        for c in range(n_candidates):
            out = _part(losses, c * n, n)
            for i in range(n):
                out[i] = 0.0
            for j in range(n_scores):
                z, t = _part(scores, (c * n_scores + j) * n, n), _part(answers, j * n, n)
                for i in range(n):
                    out[i] += 0.5 * (z[i] - t[i]) * (z[i] - t[i])
    else:
        for c in range(n_candidates):
            out, z = _part(losses, c * n, n), _part(scores, c * n, n)
            if loss == ZERO_ONE:
                for i in range(n):
                    out[i] = 1.0 if (z[i] > 0.0) != (answers[i] > 0.0) else 0.0
            else:
                for i in range(n):
                    out[i] = z[i] * answers[i]
        if loss == LOGISTIC:
            for i in range(_rounded_up(n_candidates * n)):
                margin = losses[i]
                losses[i] = log1p_of_share(exp(-abs(margin))) + (0.0 if margin > 0.0 else -margin)
        elif loss == RAMP:
            for i in range(_rounded_up(n_candidates * n)):
                share = 0.5 * (1.0 - losses[i])
                share = 0.0 if share < 0.0 else share
                losses[i] = 1.0 if share > 1.0 else share


@njit(**INNER)
def _write_slopes(loss, scores, n_scores, n, answers, work, scale):
    """Replace one candidate's scores (k, n) by scale times d loss/d score; after _write_losses."""
    for j in range(n_scores):
        z, y = _part(scores, j * n, n), _part(answers, j * n if loss == HALF_SQUARED_ERROR else 0, n)
        if loss == HALF_SQUARED_ERROR:
            for i in range(n):
                z[i] = (z[i] - y[i]) * scale
        elif loss == LOGISTIC:
            for i in range(n):
                z[i] = (0.5 * (1.0 + tanh(0.5 * z[i])) - (0.5 + 0.5 * y[i])) * scale
        elif loss == SOFTMAX:
            for i in range(n):
                z[i] = (z[i] / work[i] - (1.0 if y[i] == j else 0.0)) * scale
        else:
            for i in range(n):
                z[i] = (-0.5 * y[i] if abs(z[i] * y[i]) < 1.0 else 0.0) * scale


@njit(**INNER)
def _through_activation(slopes, outputs, mask, activation):
    """Replace outputs by slopes times d output/d score: a layer's slopes on their way back.

    ``outputs`` are masked where there is a mask: it is undone where it is not 0, to read the derivative.
    """
    for i in range(len(outputs)):
        keep, a = 1.0, outputs[i]
        if len(mask):
            keep = mask[i]
            a = a / keep if keep != 0.0 else 0.0
        if activation == TANH:
            outputs[i] = slopes[i] * ((1.0 - a * a) * keep)
        elif activation == SIGMOID:
            outputs[i] = slopes[i] * (a * (1.0 - a) * keep)
        elif activation == RELU:
            outputs[i] = slopes[i] * ((1.0 if a > 0.0 else 0.0) * keep)
        else:
            outputs[i] = slopes[i] * keep


# -- the whole -------------------------------------------------------------------------------------------------------


@njit(**OPTIONS)
def population(
    thetas, X, rows, by_rows, labels, targets, masks, plan, blas, n_items, n_tile, n, n_group, scale,
    first_row, last_row, work, out,
):  # fmt: skip
    """Write scale times the summed losses of candidates first_row to last_row of thetas (m, d) to out (m,).

    ``rows`` (empty: all) choose labels or targets, and with ``by_rows`` the rows of X, else X has a row an item;
    ``masks``: addresses of each layer's mask (n, inputs), 0 for none, or empty; ``blas``: address of dgemm; ``n_tile``
    items are a tile of ``n`` columns, ``n_group`` candidates go through it together; ``work``: see workspace_size.
    """
    loss, n_layers = plan[LOSS], plan[N_LAYERS]
    zero, one = 0 * n, 1 + 0 * n  # a constant as an argument would have numba compile a function anew
    widths, by_blas = _part(plan, WIDTHS, n_layers + 1), _part(plan, WIDTHS + n_layers + 1, n_layers)
    n_scores, widest, n_hidden = widths[n_layers], 1, 0
    for layer in range(1, n_layers + 1):
        widest = max(widest, widths[layer])
        n_hidden += widths[layer] if layer < n_layers else 0
    whole, each = _rounded_up(n_group * widest * n), _rounded_up(n_group * n)
    layer_in, layer_out = zero, whole
    further, losses = _part(work, 2 * whole, each), _part(work, 2 * whole + each, each)
    place = 2 * (whole + each)
    zeros, source = place, place + n
    place += (1 + widths[0]) * n
    answers, layer_masks = _part(work, place, n_scores * n), _part(work, place + n_scores * n, n_hidden * n)
    for i in range(n):
        work[zeros + i] = 0.0
    for row in range(first_row, last_row):
        out[row] = 0.0
    for first in range(0, n_items, n_tile):
        n_here = min(n_tile, n_items - first)
        _read_inputs(
            X, rows, by_rows, masks[0] if len(masks) else 0, first, n_here, n, _part(work, source, widths[0] * n)
        )
        _read_answers(labels, targets, rows, loss, first, n_here, n, answers)
        if len(masks):
            _read_masks(masks, widths, n_layers, first, n_here, n, layer_masks)
        for row in range(first_row, last_row, n_group):
            n_candidates = min(n_group, last_row - row)
            start, place = zero, zero
            for layer in range(n_layers):
                n_in, n_out = widths[layer], widths[layer + 1]
                for c in range(n_candidates):
                    inputs = layer_in + c * n_in * n if layer else source
                    _product(
                        thetas[row + c], start, n_out, one, start + n_in * n_out, blas if by_blas[layer] else 0,
                        n_in, n_out, n, work, zeros, inputs, layer_out + c * n_out * n,
                    )  # fmt: skip
                start += (n_in + 1) * n_out
                if layer == n_layers - 1:
                    break
                _activate(_part(work, layer_out, whole), _rounded_up(n_candidates * n_out * n), plan[ACTIVATION])
                if len(masks):
                    for c in range(n_candidates):
                        _multiply(
                            _part(work, layer_out + c * n_out * n, n_out * n), _part(layer_masks, place, n_out * n)
                        )
                place += n_out * n
                layer_in, layer_out = layer_out, layer_in
            _write_losses(loss, _part(work, layer_out, whole), n_candidates, n_scores, n, answers, further, losses)
            for c in range(n_candidates):
                out[row + c] += _sum(_part(losses, c * n, n), n_here)
    for row in range(first_row, last_row):
        out[row] *= scale


@njit(**OPTIONS)
def value_and_gradient(
    theta, X, rows, by_rows, labels, targets, masks, plan, blas, n_items, n_tile, n, scale, work, gradient,
):  # fmt: skip
    """Return scale times the summed losses of theta (d,), the same bits as population's, and write the gradient (d,).

    The products of a layer's inputs with its slopes go through BLAS whatever their size. Arguments as in population.
    """
    loss, n_layers = plan[LOSS], plan[N_LAYERS]
    zero, one = 0 * n, 1 + 0 * n  # a constant as an argument would have numba compile a function anew
    widths, by_blas = _part(plan, WIDTHS, n_layers + 1), _part(plan, WIDTHS + n_layers + 1, n_layers)
    n_scores, widest, n_units, n_hidden = widths[n_layers], 1, 0, 0
    for layer in range(n_layers + 1):
        widest = max(widest, widths[layer] if layer > 0 else 1)
        n_units += widths[layer]
        n_hidden += widths[layer] if 0 < layer < n_layers else 0
    # every layer's outputs one behind another, the scores last, with room for a flat loop to run over the end
    further, losses, zeros = _rounded_up(n_units * n) + UNROLLED, 0, 0
    losses = further + _rounded_up(n)
    zeros = losses + _rounded_up(n)
    slopes = zeros + n
    answers = slopes + widest * n
    layer_masks = answers + n_scores * n
    for i in range(n):
        work[zeros + i] = 0.0
    for at in range(len(gradient)):
        gradient[at] = 0.0
    total = 0.0
    for first in range(0, n_items, n_tile):
        n_here = min(n_tile, n_items - first)
        _read_inputs(X, rows, by_rows, masks[0] if len(masks) else 0, first, n_here, n, _part(work, 0, widths[0] * n))
        _read_answers(labels, targets, rows, loss, first, n_here, n, _part(work, answers, n_scores * n))
        if len(masks):
            _read_masks(masks, widths, n_layers, first, n_here, n, _part(work, layer_masks, n_hidden * n))
        start, source, place = zero, zero, layer_masks
        for layer in range(n_layers):
            n_in, n_out = widths[layer], widths[layer + 1]
            target = source + n_in * n
            _product(
                theta, start, n_out, one, start + n_in * n_out, blas if by_blas[layer] else 0,
                n_in, n_out, n, work, zeros, source, target,
            )  # fmt: skip
            if layer == n_layers - 1:
                break
            _activate(_part(work, target, _rounded_up(n_out * n)), _rounded_up(n_out * n), plan[ACTIVATION])
            if len(masks):
                _multiply(_part(work, target, n_out * n), _part(work, place, n_out * n))
            place += n_out * n
            start += (n_in + 1) * n_out
            source = target
        scores = _part(work, target, _rounded_up(n_scores * n))
        _write_losses(
            loss, scores, one, n_scores, n, _part(work, answers, n_scores * n), _part(work, further, _rounded_up(n)),
            _part(work, losses, _rounded_up(n)),
        )  # fmt: skip
        total += _sum(_part(work, losses, n), n_here)
        _write_slopes(loss, scores, n_scores, n, _part(work, answers, n_scores * n), _part(work, further, n), scale)
        for layer in range(n_layers - 1, -1, -1):
            n_in, n_out = widths[layer], widths[layer + 1]
            # dW (n_in, n_out) += inputs (n_in, n) slopes'; by columns: dW' += slopes inputs'
            weights = _part(gradient, start, n_in * n_out)
            _dgemm(
                blas, (True, False), (n_out, n_in, n_here), _part(work, target, n_out * n), n,
                _part(work, source, n_in * n), n, weights, n_out,
            )  # fmt: skip
            for j in range(n_out):
                gradient[start + n_in * n_out + j] += _sum(_part(work, target + j * n, n), n_here)
            if layer == 0:
                break
            _product(
                theta,
                start,
                one,
                n_out,
                -one,
                blas if by_blas[layer] else 0,
                n_out,
                n_in,
                n,
                work,
                zeros,
                target,
                slopes,
            )
            place -= n_in * n
            mask = _part(work, place, n_in * n if len(masks) else 0)
            _through_activation(_part(work, slopes, n_in * n), _part(work, source, n_in * n), mask, plan[ACTIVATION])
            target = source
            source -= widths[layer - 1] * n
            start -= (widths[layer - 1] + 1) * n_in
    return total * scale


def _signatures() -> dict[str, tuple[Any, ...]]:
    def kind(dtype: Any, n_axes: int, is_read_only: bool = True) -> Any:
        return types.Array(dtype, n_axes, "C", readonly=is_read_only)

    real, integer = types.float64, types.int64
    items = (kind(real, 2), kind(integer, 1), types.boolean, kind(integer, 1), kind(real, 2), kind(integer, 1))
    plan = (kind(integer, 1), integer)
    room = kind(real, 1, False)
    tiles = (integer,) * 3
    return {
        "population": (kind(real, 2), *items, *plan, *tiles, integer, real, integer, integer, room, room),
        "value_and_gradient": (kind(real, 1), *items, *plan, *tiles, real, room, room),
    }


SIGNATURES = _signatures()
