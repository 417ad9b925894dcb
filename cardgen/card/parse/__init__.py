"""Import: from the text of a card to the record that it shows, the inverse of rendering.

`read.parse` cuts the text (`document`, `page`), and each other module undoes one part of the view.
"""
