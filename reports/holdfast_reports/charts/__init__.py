"""Drawings: Vega-Altair specifications, set as static SVG whose colours follow the page."""
