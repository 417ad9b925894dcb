"""The templates that ship with cardgen; imported as `cardgen.templates`, never as `templates`."""
