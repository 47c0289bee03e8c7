"""Makes and trains the quickstart's demo embedding model; see ../make_demo_embedder.py."""
