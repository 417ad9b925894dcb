"""A registry as files of JSON lines, and such files read back."""
