"""Question answering: data, features, span decoding, metrics, the training command."""
