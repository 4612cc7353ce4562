"""Writes a report as one HTML page that needs nothing else: no script, no network, no other file."""

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.document import Document


def html_page(document: Document) -> str:
    """The whole report. Every text is escaped; only the SVG of the plots, which is our own, goes in as it is.

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
    return environment.get_template("page.html").render(document=document)
