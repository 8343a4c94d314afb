"""Photos with regions, as the tools that people draw them with save them."""
