"""Recipes in the form of llm-compressor and of SparseML's newer framework: groups that map a modifier's name to its
fields, with `start`, `end` and `targets`."""
