"""The monitors and references in force: their records, their timelines and the registry of a worker."""
