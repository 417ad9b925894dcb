"""The card templates: `base.md.jinja` has the page, one template a model type fills its blocks."""
