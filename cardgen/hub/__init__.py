"""The Hub: the only room that uses `huggingface_hub`, and the one that knows how it fails."""
