"""Tests of cardgen; they mirror the sources."""
