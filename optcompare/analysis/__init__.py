"""The analysis room: tables from stored runs."""
