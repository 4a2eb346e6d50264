"""Where models, recipes and teachers come from: stubs, catalogue, sources."""
