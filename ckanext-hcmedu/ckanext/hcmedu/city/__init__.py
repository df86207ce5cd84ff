"""What the city's catalogue has taken of ours: read there, and compared with the feed."""
