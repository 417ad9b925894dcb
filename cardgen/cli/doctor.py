"""`cardgen doctor`: is everything there, and what would stop a publish?"""

from __future__ import annotations

import click

from cardgen.cli.options import chosen_registry, registry_option, view_options
from cardgen.cli.output import Output, Section, cell_text

TITLES = {"versions": "Versions", "settings": "Settings", "registry": "Registry", "disk": "Disk", "hub": "Hub"}


@click.command()
@click.option("--online", is_flag=True, help="Ask the Hub whose token it is and what it may do.")
@view_options
@registry_option
def doctor(out: Output, online: bool) -> None:
    """Look whether everything cardgen needs is there, and what would stop a publish.

    Makes and changes nothing, and shows no token. Exits with 1 if something is wrong; what would only stop a publish
    counts with --online.

    \b
    Examples:
      cardgen doctor
      cardgen doctor --online --json
    """
    from cardgen.actions.doctor import examine

    checks = examine(chosen_registry(), online=online)
    problems = [check for check in checks if check.problem is not None]
    stops = [check for check in checks if check.stops_publish is not None]
    well = not problems and not (online and stops)
    if out.format == "json":
        out.json({"ok": well, "checks": checks})
    else:
        sections: list[Section] = [
            (title, [(check.name, _value(check.value)) for check in checks if check.area == area])
            for area, title in TITLES.items()
        ]
        sections.append(("Problems", [("", _said(check.problem, check.hint)) for check in problems]))
        sections.append(
            ("What would stop a publish", [("", _said(check.stops_publish, check.hint)) for check in stops])
        )
        out.sections(section for section in sections if section[1])
        hints = [check for check in checks if check.hint and check not in problems and check not in stops]
        for check in hints:
            out.hint(f"{check.name}: {check.hint}")
    if not well:
        click.get_current_context().exit(1)


def _value(value: object) -> str:
    return "none" if value is None else cell_text(value)


def _said(what: str | None, hint: str | None) -> str:
    return f"{what}: {hint}" if hint else str(what)
