"""The parts of a report: each module words one of them."""
