"""Compressed matrices: which columns (or rows) are computed in one product."""

from __future__ import annotations

from typing import Any

import numpy as np

from tapec.recording import Array

__all__ = ["Compression", "compress"]

DENSE = 32
"""A row of a Hessian with more entries, and far more than usual, is taken by itself."""


class Compression:
    """How the entries of a sparse matrix are found in a few products.

    pattern: the Boolean matrix. columns: whether the products are with columns. seeds:
    one direction per product, of 0 and 1. at: for each entry the product and the place
    in it.
    """

    def __init__(
        self, pattern: Any, columns: bool, colors: Array, at: tuple[Array, Array]
    ) -> None:
        self.pattern = pattern
        self.columns = columns
        count = int(colors.max()) + 1 if colors.size else 0
        self.seeds = np.equal.outer(np.arange(count), colors)
        self._at = at

    def matrix(self, products: Array) -> Any:
        """The matrix with the entries that the products give."""
        from scipy import sparse

        p = self.pattern
        entries = products[self._at]
        return sparse.csr_matrix((entries, p.indices, p.indptr), p.shape)


def compress(pattern: Any, symmetric: bool) -> Compression:
    """Colour the columns, or the rows if the fullest column says that is better."""
    from scipy import sparse

    pattern = sparse.csr_matrix(pattern, dtype=bool)
    pattern.sort_indices()
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices
    if symmetric:
        full = _full_rows(pattern)
        colors = _colored(pattern, full)
        # what a full row meets in its columns is read from its own column instead
        swap = full[rows] & ~full[columns]
        at = np.where(swap, rows, columns), np.where(swap, columns, rows)
        return Compression(pattern, True, colors, (colors[at[0]], at[1]))
    per_row = np.diff(pattern.indptr).max(initial=0)
    per_column = np.bincount(columns, minlength=1).max(initial=0)
    if per_row <= per_column:
        colors = _colored(pattern)
        return Compression(pattern, True, colors, (colors[columns], rows))
    colors = _colored(pattern.T.tocsr())
    return Compression(pattern, False, colors, (colors[rows], columns))


def _full_rows(pattern: Any) -> Array:
    """Rows with far more entries than most: the border of an arrow."""
    entries = np.diff(pattern.indptr)
    usual = np.median(entries) if entries.size else 0
    return np.asarray(entries > max(DENSE, 8 * usual))


def _colored(pattern: Any, full: Array | None = None) -> Array:
    """A colour per column; columns of one colour share no row.

    full: rows that do not count, whose columns get colours of their own.
    """
    n = pattern.shape[1]
    colors = np.zeros(n, int)
    inner = np.arange(n) if full is None else np.flatnonzero(~full)
    if full is not None:
        pattern = pattern[inner][:, inner]
    most = np.diff(pattern.indptr).max(initial=0)
    if 2 * most >= len(inner):  # nearly all columns meet: no colouring is better
        colors[inner] = np.arange(len(inner))
    else:
        colors[inner] = _greedy(pattern)
    if full is not None:
        first = colors[inner].max(initial=-1) + 1
        colors[full] = first + np.arange(np.count_nonzero(full))
    return colors


def _greedy(pattern: Any) -> Array:
    """Colours for the graph in which columns that share a row are neighbours."""
    import networkx
    from scipy import sparse

    pairs = sparse.triu(pattern.T @ pattern, k=1).tocoo()
    graph = networkx.Graph()
    graph.add_nodes_from(range(pattern.shape[1]))
    graph.add_edges_from(zip(pairs.row.tolist(), pairs.col.tolist(), strict=True))
    found = networkx.greedy_color(graph, strategy="smallest_last")
    return np.array([found[i] for i in range(pattern.shape[1])])
