"""How well the feed keeps to its standards: asked of the feed as readers get it, and kept."""
