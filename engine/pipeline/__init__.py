"""Ask a deployment folder a question."""
