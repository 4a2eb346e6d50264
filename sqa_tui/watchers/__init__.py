"""Threads that read run directories and post messages."""
