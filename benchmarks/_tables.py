"""Plain-text tables."""


def number(value, digits=3):
    """A number with that many significant digits, without an exponent; '-' for None."""
    if value is None:
        return "-"
    if isinstance(value, str | int):
        return str(value)
    if value == 0.0 or abs(value) >= 10.0 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.1e}"


def met(value, goal, *, at_least=True):
    """Whether a figure meets its goal: 'yes', 'no', or '-' where there is none."""
    if goal is None or value is None:
        return "-"
    return "yes" if (value >= goal if at_least else value <= goal) else "no"


def print_table(title, header, rows, notes=()):
    """Print a table with a title above and notes below; columns of figures are aligned to the right.

    Parameters
    ----------
    title : str
    header : list of str
        Column titles; a line break splits one over two lines.
    rows : iterable of sequences
        Entries as text or numbers.
    notes : iterable of str
    """
    rows = [[number(entry) for entry in row] for row in rows]
    titles = [title.split("\n") for title in header]
    height = max(len(lines) for lines in titles)
    titles = [[""] * (height - len(lines)) + lines for lines in titles]
    table = [[lines[i] for lines in titles] for i in range(height)] + rows
    widths = [max(len(row[column]) for row in table) for column in range(len(header))]
    to_right = [all(_is_figure(row[column]) for row in rows) for column in range(len(header))]
    print(f"\n{title}")
    for position, row in enumerate(table):
        if position == height:
            print("  ".join("-" * width for width in widths))
        cells = zip(row, widths, to_right, strict=True)
        print("  ".join(entry.rjust(w) if right else entry.ljust(w) for entry, w, right in cells).rstrip())
    for note in notes:
        print(f"  {note}")


def _is_figure(entry):
    return entry == "-" or entry.strip("%")[-1:].isdigit()
