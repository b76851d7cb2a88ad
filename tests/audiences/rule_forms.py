"""What the builder's form sends."""

from typing import Any


def rule_form(*conditions: tuple[str, str, str], **more: Any) -> dict[str, Any]:
    """Conditions of the outermost group: (subject, operator, values), ("tag", "any_of", "vip").

    `more`: further fields, with "_" for "-".
    """
    data: dict[str, Any] = {"node": []}
    for number, (subject, op, values) in enumerate(conditions, start=1):
        field = subject.partition(":")[0]
        data["node"].append(f"n{number} n0 c {field}.{op} {subject}")
        data |= {f"n{number}-subject": subject, f"n{number}-op": f"{field}.{op}"}
        data[f"n{number}-values"] = values
    return data | {key.replace("_", "-"): value for key, value in more.items()}
