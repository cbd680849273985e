"""What tools found, in fixed words: a lead with the figures, the evidence, what is worth a look.

Nothing stands here that does not follow from the findings; `rules` states when something is
worth a look, and `markup` keeps names that came from outside from becoming markup.
"""

from skep.agent.offline.sections.dispatch import has_words, section_of, written
from skep.agent.offline.sections.section import Section, joined, rendered

__all__ = ["Section", "has_words", "joined", "rendered", "section_of", "written"]
