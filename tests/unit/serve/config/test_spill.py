"""The reserve, as the cluster file says it."""

from turnout.serve.config.spill import SpillSettings


def test_names_are_written_in_one_order_so_that_equal_settings_have_equal_fingerprints() -> None:
    names = [f"t{number}" for number in range(9)]
    assert SpillSettings.model_validate({"to": [*reversed(names)]}).model_dump(mode="json")["to"] == names
