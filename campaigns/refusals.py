"""What a campaign's state forbids."""


class Refused(Exception):
    """The campaign's state forbids it. The sentence is for the person who asked."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
