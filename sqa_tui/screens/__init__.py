"""The screens, one a file, its stylesheet beside it."""
