"""Write the card of every finished run of a project into a folder: `python render_all.py cards.db examples cards/`."""

import sys
from pathlib import Path

import cardgen


def render_all(registry_path: str, project: str, folder: Path) -> None:
    """Write `folder/NAME.md` for each run."""
    folder.mkdir(parents=True, exist_ok=True)
    with cardgen.Registry(registry_path, mode="read") as registry:
        for run in registry.runs(project=project, status="finished"):
            (folder / f"{run.name}.md").write_bytes(cardgen.render_card(run, registry=registry).encode())


if __name__ == "__main__":
    render_all(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
