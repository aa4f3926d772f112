"""The canary: drift that is put in on purpose, and must be seen from end to end."""
