"""Changes that no single column shows, in correlations, regions and embeddings; and which columns moved."""
