"""Parts of the pass `scalarize`: how ops act on elements, which ops, the new ops."""
