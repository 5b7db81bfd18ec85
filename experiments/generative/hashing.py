"""Binary codes of 16 bits, by which images like a given one are found.

Run: python launch.py run generative/hashing
Expected: validation bce .336 (.4016, rounded accuracy .8147, in Géron, 2nd edition, chapter 17)
Time: 25 s
"""

from research.generative.kinds import Hashing

config = Hashing(code_size=16, epochs=10)
