"""Where the images come from: archives read without extraction, decoded once to canvases."""
