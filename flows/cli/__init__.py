"""The `orepass` command; `main.py` says which commands there are, and each is a file here."""
