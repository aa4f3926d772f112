"""What is watched and how: monitors and references, from files and tables to the registry of a worker."""
