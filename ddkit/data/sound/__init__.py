"""What sources of sounds share: recordings in an archive, and their spectrograms, as images and back again.

Nothing here knows which words were spoken, or how recordings are split.
"""
