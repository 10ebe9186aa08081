"""The report room: figures, pages and exports."""
