"""How good is it? Comparison with a truth set, QC metrics, and the pages that show them."""
