"""Fills HTML pages that need nothing else: no script, no network, no other file; above all the report's."""

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.document import Document


def html_page(document: Document) -> str:
    """The whole report. Every text is escaped; only the SVG of the plots, which is our own, goes in as it is.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    return rendered("page.html", document=document)


def rendered(template: str, **content: object) -> str:
    """One of the templates that stand beside this file, filled.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgehybrid.report", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**content)
