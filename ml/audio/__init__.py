"""Input: any file or file object becomes one mono signal with a title.

The content decides what a file is, never its extension. A file that cannot be analysed is refused with an
`ml.report.errors.AudioError` that names the cause.
"""
