"""What executes the uploaded file: format from the bytes, gates, sessions, input description."""
