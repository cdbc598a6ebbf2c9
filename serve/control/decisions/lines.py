"""A decision as a JSON object: in the admin API's answers, and in the lines of an export."""

from collections.abc import Mapping
from typing import Any

import msgspec

from turnout.models.decision import Considered, Decision, Happened, Prediction, Weighed

Fields = dict[str, Any]


def write_fields(decision: Decision) -> Fields:
    """The object, all parts by name."""
    fields: Fields = msgspec.structs.asdict(decision)
    fields["considered"] = [_write_considered(each) for each in decision.considered]
    fields["happened"] = None if decision.happened is None else msgspec.structs.asdict(decision.happened)
    fields["weighed"] = [msgspec.structs.asdict(each) for each in decision.weighed]
    return fields


def read_fields(fields: Mapping[str, Any]) -> Decision:
    """
    The decision again; what is beside it is left alone, such as `seq`.

    Raises:
        ValueError: it isn't one; the message says where.
    """
    try:
        considered = [
            _read(Considered, each | {"prediction": _read_or_none(Prediction, each.get("prediction"))})
            for each in fields["considered"]
        ]
        happened = _read_or_none(Happened, fields.get("happened"))
        weighed = [_read(Weighed, each) for each in fields.get("weighed", ())]
        parts = {"considered": considered, "happened": happened, "weighed": weighed}
        made: Decision = _read(Decision, {**fields, **parts})
        return msgspec.convert(msgspec.to_builtins(made), Decision)
    except KeyError as error:
        raise ValueError(f"it has no {error.args[0]!r}") from error
    except (TypeError, AttributeError, msgspec.ValidationError) as error:
        raise ValueError(str(error)) from error


def _write_considered(considered: Considered) -> Fields:
    prediction = considered.prediction
    return msgspec.structs.asdict(considered) | {
        "prediction": None if prediction is None else msgspec.structs.asdict(prediction)
    }


def _read(kind: type[Any], fields: Mapping[str, Any]) -> Any:
    return kind(**{name: fields[name] for name in kind.__struct_fields__ if name in fields})


def _read_or_none(kind: type[Any], fields: Mapping[str, Any] | None) -> Any:
    return None if fields is None else _read(kind, fields)
