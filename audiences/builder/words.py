"""What the builder calls its inputs."""

from django.utils.translation import gettext_lazy

LABELS = {
    "values": gettext_lazy("Values, separated by commas"),
    "value": gettext_lazy("Value"),
    "low": gettext_lazy("From"),
    "high": gettext_lazy("To"),
    "from": gettext_lazy("First day"),
    "to": gettext_lazy("Last day"),
    "date": gettext_lazy("Day"),
    "days": gettext_lazy("Days"),
    "count": gettext_lazy("Times"),
    "minutes": gettext_lazy("Time"),
    "within": gettext_lazy("When"),
    "property": gettext_lazy("Property"),
    "campaigns": gettext_lazy("Campaigns"),
    "salt": gettext_lazy("Word"),
    "version": gettext_lazy("Version"),
}
PROPERTY_WORDS = {
    "any_of": gettext_lazy("is any of"),
    "none_of": gettext_lazy("is none of"),
    "contains": gettext_lazy("contains"),
    "equals": gettext_lazy("is exactly"),
    "more_than": gettext_lazy("is more than"),
    "at_least": gettext_lazy("is at least"),
    "less_than": gettext_lazy("is less than"),
    "at_most": gettext_lazy("is at most"),
}
# Words after an input.
UNITS = {"days": gettext_lazy("days"), "count": gettext_lazy("times")}
# Of ticks: what none means, and what to say where there is nothing to tick.
NOTHING = {
    "ids": gettext_lazy("Choose lists"),
    "campaigns": gettext_lazy("any campaign"),
    "send": gettext_lazy("everybody who matches below"),
    "leave": gettext_lazy("nobody"),
}
WITHOUT = {
    "ids": gettext_lazy("There is no list yet. Upload one first."),
    "campaigns": gettext_lazy("There is no campaign yet."),
    "send": gettext_lazy("There is no named audience yet."),
    "leave": gettext_lazy("There is no named audience yet."),
}
WINDOWS = (
    ("", gettext_lazy("ever")),
    ("days", gettext_lazy("in the last … days")),
    ("hours", gettext_lazy("in the last … hours")),
    ("dates", gettext_lazy("between two days")),
)
