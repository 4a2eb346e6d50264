"""The recipe language: load, evaluate, validate, schedule."""
