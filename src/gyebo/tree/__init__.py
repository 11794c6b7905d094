"""The family tree as a whole: architectures with the claims on the edges between them, and the tree drawn and told on pages.

`members` joins the facts of architectures and claims; `layout` gives boxes and lines their places; `drawing` writes the SVG; `pages`
writes the pages in each language of `words`. None of it imports torch.
"""
