"""What a message says to one person: Liquid, languages, variants and platforms.

`check` says what is wrong with a text, `Renderer` fills a message in, and `people.readers` loads
whom it is for. Contents and limits: docs/personalisation.md.
"""

from campaigns.personal.checking import check
from campaigns.personal.faults import Aborted, Fault
from campaigns.personal.people import Needs, Reader, example, readers
from campaigns.personal.rendering import Renderer
from campaigns.personal.variables import Known, known
from campaigns.personal.wire import Content

__all__ = [
    "Aborted",
    "Content",
    "Fault",
    "Known",
    "Needs",
    "Reader",
    "Renderer",
    "check",
    "example",
    "known",
    "readers",
]
