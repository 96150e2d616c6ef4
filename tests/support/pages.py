"""Reads a page as a browser would, but strictly."""

from html.parser import HTMLParser

VOID = {"meta", "line", "circle", "polyline"}


class Page(HTMLParser):
    """Reads a page: its text, its elements, and whether they nest."""

    def __init__(self, source):
        super().__init__()
        self.open, self.found, self.text, self.hidden = [], [], "", []
        self.feed(source)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] not in (["style"], ["title"]):
            self.text += data
