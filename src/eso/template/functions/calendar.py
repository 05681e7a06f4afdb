"""The proleptic Gregorian calendar, for years of any size."""

from __future__ import annotations

from typing import Final

__all__ = ["DAY", "civil", "days", "days_before_month", "days_in", "is_leap"]

DAY: Final = 86_400
"""Seconds of a day."""

_DAYS_PER_400_YEARS: Final = 146_097
_EPOCH: Final = 719_468
"""Days from 1 March of year 0 to 1 January 1970."""

_DAYS_BEFORE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


def is_leap(year: int) -> bool:
    """Whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_before_month(month: int) -> int:
    """Days of a common year before the month; 13 means after the year."""
    return _DAYS_BEFORE[month - 1]


def days_in(month: int, year: int) -> int:
    """Days of the month."""
    return _DAYS_BEFORE[month] - _DAYS_BEFORE[month - 1] + (1 if month == 2 and is_leap(year) else 0)


def days(year: int, month: int, day: int) -> int:
    """Days since 1 January 1970; the day may lie outside of its month."""
    # Years begin in March here, so that the leap day is the last one.
    shifted = year if month > 2 else year - 1
    era, of_era = divmod(shifted, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * _DAYS_PER_400_YEARS + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _EPOCH


def civil(number: int) -> tuple[int, int, int]:
    """Year, month and day of a number of days since 1 January 1970."""
    era, of_era = divmod(number + _EPOCH, _DAYS_PER_400_YEARS)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return era * 400 + year_of_era + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1
