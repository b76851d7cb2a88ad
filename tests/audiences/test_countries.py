from zoneinfo import available_timezones

import pytest

from audiences import countries


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Europe/Oslo", "NO"),
        ("Asia/Kolkata", "IN"),
        ("America/Argentina/Buenos_Aires", "AR"),
        # Names that Chromium, or an old system, still reports.
        ("Asia/Calcutta", "IN"),
        ("Asia/Saigon", "VN"),
        ("Asia/Katmandu", "NP"),
        ("Asia/Rangoon", "MM"),
        ("America/Buenos_Aires", "AR"),
        ("America/Godthab", "GL"),
        ("America/Indianapolis", "US"),
        ("Atlantic/Faeroe", "FO"),
        ("Europe/Kiev", "UA"),
        ("US/Pacific", "US"),
        ("GB", "GB"),
        # Where Unicode's data has not followed yet.
        ("America/Coyhaique", "CL"),
        ("Antarctica/Troll", "AQ"),
        # In no country.
        ("UTC", ""),
        ("Etc/GMT+1", ""),
        ("CET", ""),
        ("EST5EDT", ""),
        ("Factory", ""),
        ("", ""),
        ("Middle/Earth", ""),
    ],
)
def test_country_of_a_zone(zone: str, country: str) -> None:
    assert countries.country_of(zone) == country


def test_every_zone_of_a_place_has_a_country() -> None:
    places = {zone for zone in available_timezones() if "/" in zone and zone[:4] != "Etc/"}
    assert {zone for zone in places if not countries.country_of(zone)} == set()


def test_zones_of_a_country() -> None:
    assert countries.zones_of("NO") == ("Europe/Oslo",)
    assert {"Asia/Kolkata", "Asia/Calcutta"} == set(countries.zones_of("IN"))
    assert {"Europe/Kyiv", "Europe/Kiev"} < set(countries.zones_of("UA"))
    assert countries.zones_of("XX") == countries.zones_of("no") == ()
    for zone in available_timezones():
        code = countries.country_of(zone)
        assert not code or zone in countries.zones_of(code)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NO", "NO"),
        (" no ", "NO"),
        ("norway", "NO"),
        ("Åland Islands", "AX"),
        ("USA", "US"),
        ("uk", "GB"),
        ("United Kingdom", "GB"),
        ("Europe", ""),
        ("EU", ""),
        ("001", ""),
        ("XX", ""),
        ("", ""),
    ],
)
def test_understands_codes_and_names(text: str, code: str) -> None:
    assert countries.code(text) == code


def test_every_label_leads_back_to_its_code() -> None:
    for code in {countries.country_of(zone) for zone in available_timezones()} - {""}:
        assert countries.label(code) != code
        assert countries.code(countries.label(code)) == code
    assert countries.label("XX") == "XX"
