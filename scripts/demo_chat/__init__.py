"""Parts of scripts/make_demo_chat.py: stories by a grammar, a byte-level BPE, a small Llama, its training."""
