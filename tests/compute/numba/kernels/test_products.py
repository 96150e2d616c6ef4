"""Matrix products of every small size and orientation against NumPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recurra.compute.numba.kernels import products
from recurra.compute.numba.kernels.gemm import gemm
from recurra.compute.numba.kernels.jit import jit
from recurra.compute.numba.kernels.transpose import transpose_part


@jit
def compiled_gemm(
    rows, columns, depth, c, c_start, c_row, a, a_start, a_row, a_column,
    b, b_start, b_row, b_column, add,
):  # fmt: skip
    gemm(
        rows, columns, depth, c, c_start, c_row, a, a_start, a_row, a_column,
        b, b_start, b_row, b_column, add,
    )  # fmt: skip


SIZE = st.integers(0, 70) | st.sampled_from([128, 192, 255, 257, 300])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    rows=SIZE,
    columns=SIZE,
    depth=st.integers(0, 70) | st.sampled_from([255, 256, 257, 600]),
    margins=st.tuples(*[st.integers(0, 5)] * 6),
    transposed=st.tuples(st.booleans(), st.booleans()),
    add=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_gemm(dtype, rows, columns, depth, margins, transposed, add, seed):
    rng = np.random.default_rng(seed)
    c_start, a_start, b_start, c_more, a_more, b_more = margins

    def operand(start, shape, more, turned):
        height, width = shape[::-1] if turned else shape
        array = np.full(start + height * (width + more), np.nan, dtype)
        place = array[start:].reshape(height, width + more)[:, :width]
        place[:] = rng.standard_normal((height, width))
        steps = (1, width + more) if turned else (width + more, 1)
        return array, place.T if turned else place, steps

    c, c_place, (c_row, _) = operand(c_start, (rows, columns), c_more, turned=False)
    a, a_place, a_steps = operand(a_start, (rows, depth), a_more, transposed[0])
    b, b_place, b_steps = operand(b_start, (depth, columns), b_more, transposed[1])
    expected = c_place * add + a_place.astype(np.float64) @ b_place
    arguments = (a, a_start, *a_steps, b, b_start, *b_steps, add)
    untouched = np.isnan(c)
    formula = c.copy()
    compiled_gemm(rows, columns, depth, c, c_start, c_row, *arguments)
    tolerance = 40 * np.finfo(dtype).eps * (1 + depth)
    np.testing.assert_allclose(c_place, expected, rtol=0, atol=tolerance)
    # the NaNs around the operands have neither been read nor written
    np.testing.assert_array_equal(np.isnan(c), untouched)
    gemm(rows, columns, depth, formula, c_start, c_row, *arguments)
    np.testing.assert_allclose(formula, c, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rows", [1, 2, 7, 16, 40])
@pytest.mark.parametrize(("out_size", "in_size"), [(5, 3), (64, 100), (100, 64), (33, 130)])
@pytest.mark.parametrize("add", [False, True])
def test_products_by_rows(dtype, rows, out_size, in_size, add):
    rng = np.random.default_rng(rows)

    def new(*shape):
        return rng.standard_normal(shape).astype(dtype)

    def close(actual, expected):
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2000 * np.finfo(dtype).eps)

    matrix, copy, none = new(out_size, in_size), new(in_size, out_size), new(0, 0)
    products.transpose(matrix, none, rows)
    products.transpose(matrix, copy, rows)
    np.testing.assert_array_equal(copy, matrix.T)
    inner, outer = new(3 + rows, in_size), new(2 + rows, out_size)
    back, forth = inner[3:], outer[2:]

    before = new(1 + rows, in_size)
    after = before.copy()
    products.times(outer, 2, rows, matrix, after, 1, add)
    close(after[1:], before[1:] * add + forth @ matrix)
    close(after[0], before[0])
    for copies in (None, (copy,), (none,)):
        before = new(1 + rows, out_size)
        after = before.copy()
        if copies is None:
            products.times_transposed(inner, 3, rows, matrix, after, 1, add)
        else:
            products.step_times_transposed(inner, 3, rows, matrix, *copies, after, 1, add)
        close(after[1:], before[1:] * add + back @ matrix.T)
        close(after[0], before[0])
    before = new(out_size, in_size)
    after = before.copy()
    products.outer(outer, 2, inner, 3, rows, after, add)
    close(after, before * add + forth.T @ back)


@pytest.mark.parametrize("rows", [1, 2, 7])
@pytest.mark.parametrize(("blocks", "high", "wide"), [(2, 5, 3), (4, 16, 8), (3, 1, 1)])
@pytest.mark.parametrize("add", [False, True])
def test_products_by_blocks(rows, blocks, high, wide, add):
    """As those with the whole matrix, whose other numbers are zeros."""
    rng = np.random.default_rng(rows)
    stored = rng.standard_normal((blocks * high, wide))
    whole = np.zeros((blocks * high, blocks * wide))
    for b in range(blocks):
        own = slice(b * high, (b + 1) * high)
        whole[own, b * wide : (b + 1) * wide] = stored[own]
    inner, outer = (rng.standard_normal((3 + rows, whole.shape[side])) for side in (1, 0))
    back, forth, copy = inner[3:], outer[2 : 2 + rows], np.empty((blocks * wide, high))
    products.transpose(stored, copy, rows)
    after = np.ones((1 + rows, blocks * wide))
    products.times(outer, 2, rows, stored, after, 1, add)
    np.testing.assert_allclose(after[1:], forth @ whole + add, atol=1e-12)
    for copies in (None, (copy,), (np.empty((0, 0)),)):
        after = np.ones((1 + rows, blocks * high))
        if copies is None:
            products.times_transposed(inner, 3, rows, stored, after, 1, add)
        else:
            products.step_times_transposed(inner, 3, rows, stored, *copies, after, 1, add)
        np.testing.assert_allclose(after[1:], back @ whole.T + add, atol=1e-12)
        assert (after[0] == 1).all()
    after = np.ones_like(stored)
    products.outer(outer, 2, inner, 3, rows, after, add)
    gradient = (forth.T @ back).reshape(blocks, high, blocks, wide)
    np.testing.assert_allclose(
        after, gradient[range(blocks), :, range(blocks)].reshape(stored.shape) + add, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("compiled", [True, False])
def test_row_sums_and_dropout(dtype, compiled):
    rng = np.random.default_rng(1)
    a = rng.standard_normal((50, 37)).astype(dtype)
    inputs = rng.integers(0, 9, 50).astype(np.int32)
    mask = rng.integers(0, 2, a.shape).astype(np.uint8)

    def run(kernel, *arguments):
        (kernel if compiled else kernel.py_func)(*arguments)

    out = np.ones(37, dtype)
    run(products.add_rows, a, 30, out)
    np.testing.assert_allclose(out, 1 + a[:30].sum(0), rtol=0, atol=1e-5)
    out = np.ones((9, 37), dtype)
    run(products.add_at, a, inputs, out)
    expected = np.ones((9, 37))
    np.add.at(expected, inputs, a.astype(np.float64))
    np.testing.assert_allclose(out, expected, rtol=0, atol=1e-5)
    out = np.full_like(a, 7)
    run(products.drop, a, mask, 0.0, out)
    assert (out == 7).all()
    run(products.drop, a, mask, 1.25, out)
    np.testing.assert_allclose(out, a * mask * 1.25, rtol=1e-6)
    run(products.add_dropped, a, mask, 1.25, out)
    np.testing.assert_allclose(out, a * mask * 2.5, rtol=1e-6)


def test_a_product_with_nan_is_nan():
    a, matrix = np.ones((3, 20), np.float32), np.ones((40, 20), np.float32)
    a[1, 4] = np.nan
    out = np.zeros((3, 40), np.float32)
    products.times_transposed(a, 0, 3, matrix, out, 0, False)
    np.testing.assert_array_equal(np.isnan(out).all(1), [False, True, False])
    assert not np.isnan(out[[0, 2]]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    shape=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    margins=st.tuples(*[st.integers(0, 5)] * 4),
)
def test_transpose_part(dtype, shape, margins):
    (rows, columns), (a_start, a_more, out_start, out_more) = shape, margins
    rng = np.random.default_rng(rows)
    a = rng.standard_normal(a_start + rows * (columns + a_more)).astype(dtype)
    out = np.full(out_start + columns * (rows + out_more), np.nan, dtype)
    formula = out.copy()
    arguments = (rows, columns, a, a_start, columns + a_more)
    compiled_transpose(*arguments, out, out_start, rows + out_more)
    transpose_part(*arguments, formula, out_start, rows + out_more)
    np.testing.assert_array_equal(out, formula)
    assert np.isfinite(out).sum() == rows * columns


@jit
def compiled_transpose(rows, columns, a, a_start, a_row, out, out_start, out_row):
    transpose_part(rows, columns, a, a_start, a_row, out, out_start, out_row)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("add", [False, True])
def test_a_wide_matrix_whose_panels_are_copied(dtype, add):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((100, 300)).astype(dtype)
    matrix = rng.standard_normal((300, 610)).astype(dtype)
    before = rng.standard_normal((100, 610)).astype(dtype)
    out = before.copy()
    products.times(a, 0, 100, matrix, out, 0, add)
    expected = before * add + a.astype(np.float64) @ matrix
    np.testing.assert_allclose(out, expected, rtol=0, atol=2000 * np.finfo(dtype).eps)


@pytest.mark.parametrize(("rows", "scale"), [(9, 0.0), (10, 0.0), (40, 0.0), (40, 1.5)])
@pytest.mark.parametrize("add", [False, True])
def test_products_of_looked_up_rows(rows, scale, add):
    """Alike on both ways; with dropout the rows are no rows of the table, and are read."""
    rng = np.random.default_rng(rows)
    table, matrix, out = (rng.standard_normal(shape) for shape in ((5, 4), (3, 4), (rows, 3)))
    inputs = rng.integers(0, 5, rows, np.int32)
    first = 2  # the rows lie behind others
    a = np.concatenate([rng.standard_normal((first, 4)), table[inputs] + scale])
    d_a, d_matrix, d_table = np.zeros_like(a), np.ones_like(matrix), np.zeros_like(table)
    expected = add * out + a[first:] @ matrix.T
    d = rng.standard_normal(out.shape)
    text = inputs, scale
    products.times_looked_up(a, first, rows, matrix, out, add, table, *text)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    matrices = matrix, d_matrix, add
    products.times_looked_up_backward(d, a, d_a, first, rows, *matrices, table, d_table, *text)
    np.testing.assert_allclose(d_matrix, add + d.T @ a[first:], rtol=1e-12)
    # what goes to the table at once, and what it gets from its rows
    np.add.at(d_table, inputs, d_a[first:])
    wanted = np.zeros_like(table)
    np.add.at(wanted, inputs, d @ matrix)
    np.testing.assert_allclose(d_table, wanted, rtol=1e-12)
