"""What is held back while libraries start, and what is not."""

from processes import python

HOLD = "import os; from edgehybrid.runtime.quiet_start import held_back\nwith held_back():\n    os.write(2, b'note')\n"


def test_what_compiled_code_writes_is_held_back() -> None:
    assert python(HOLD).stderr == ""


def test_a_failure_shows_what_was_written_before_it() -> None:
    done = python(f"{HOLD}    raise SystemExit(3)")
    assert (done.returncode, done.stderr) == (3, "note")


def test_a_users_log_level_shows_everything() -> None:
    assert python(HOLD, TF_CPP_MIN_LOG_LEVEL="0").stderr == "note"


def test_what_is_written_afterwards_is_shown() -> None:
    assert python(f"{HOLD}os.write(2, b'after')").stderr == "after"
