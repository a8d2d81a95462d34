"""The first step of listening: any file or file object becomes one mono signal with a title.

What the bytes are decides, never the file's extension; whatever cannot be heard is refused with an
`ml.report.errors.AudioError` that names the cause.
"""
