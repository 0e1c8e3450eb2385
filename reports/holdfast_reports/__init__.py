"""From a result, and a verdict when there is one, to what people read. Pure: records in, text out.

`holdfast_reports.view` decides what is said and rounds; `holdfast_reports.html` sets it in HTML.
"""
