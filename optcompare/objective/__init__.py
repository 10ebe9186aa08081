"""The objective room: what is minimized."""
