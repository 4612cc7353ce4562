"""Fills HTML pages that need nothing else: no network, no other file; above all the report's."""

from edgehybrid.errors import MissingExtraError
from edgehybrid.report.document import Document, ReportTable
from edgehybrid.svg import DARK, LIGHT, STYLE

# Letters of a word that is never broken; longer ones, such as hashes, would make a column too wide.
_LONGEST_WORD = 16


def html_page(document: Document) -> str:
    """The whole report. Every text is escaped; only the SVG of the plots, which is our own, goes in as it is.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    sections = (
        ("results", "Results", True),
        ("plots", "Accuracy against cost", document.plots),
        ("searches", "Searches", document.searches),
        ("layers", "Where the energy goes", document.layers),
        ("parts", "Where the time goes", document.parts),
        ("times", document.times.title, document.times.rows),
        ("evidence", document.evidence.title, document.evidence.rows),
        ("boards", document.boards.title, document.boards.rows),
        ("training", "Training", document.training),
        ("refused", document.refused.title, document.refused.rows),
        ("published", document.published.title, document.published.rows),
        ("provenance", "Provenance", document.provenance),
    )
    return rendered("page.html", document=document, sections=sections, svg_style=STYLE)


def rendered(template: str, **content: object) -> str:
    """One of the templates that stand beside this file, filled.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
        from markupsafe import Markup
    except ImportError as error:
        raise MissingExtraError("jinja2", "report") from error
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("edgehybrid.report", package_path=""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "light": LIGHT,
        "dark": DARK,
        "colours": lambda values: " ".join(f"--s{index}: {value};" for index, value in enumerate(values)),
        # A style sheet is no place for entities; what comes from others is escaped as CSS.
        "table_style": lambda table, index: Markup(table_style(table, index)),
    }
    return environment.get_template(template).render(**content)


def table_style(table: ReportTable, index: int) -> str:
    """Rules for the table of the id ``t<index>``: numbers to the right, and on phones each cell with its header.

    In every cell, class and label would make a page of many rows thrice as large.
    """
    cells = [f"#t{index} td:nth-child({place})" for place in range(1, len(table.headers) + 1)]
    numbers = [cell for cell, is_number in zip(cells, table.columns_of_numbers, strict=True) if is_number]
    heads = [cell.replace(" td:", " th:") for cell in numbers]
    # On phones, where a label stands in each cell, nothing but the words may decide on line breaks.
    rules = f"{','.join([*numbers, *heads])}{{text-align:right}}" if numbers else ""
    rules += f"@media (min-width:601px){{{','.join(numbers)}{{white-space:nowrap}}}}" if numbers else ""
    long = [
        cell
        for cell, *words in zip(cells, *table.rows, strict=True)
        if any(len(word) > _LONGEST_WORD for text in words for word in text.split())
    ]
    rules += f"{','.join(long)}{{overflow-wrap:anywhere}}" if long else ""
    labels = (f"{cell}::before{{content:{css_string(name)}}}" for cell, name in zip(cells, table.names, strict=True))
    return f"{rules}@media (max-width:600px){{{''.join(labels)}}}"


def css_string(text: str) -> str:
    """A text in the quotes of a style sheet, where neither CSS nor HTML finds an end of it."""
    inside = (c if c.isascii() and (c.isalnum() or c in " ().,%-_/") else f"\\{ord(c):x} " for c in text)
    return f'"{"".join(inside)}"'
