"""The widgets, one a file: fed frozen values, no input or output of their own."""
