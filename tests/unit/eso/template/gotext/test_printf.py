"""Go's verbs, flags, widths, and what mistakes print."""

from __future__ import annotations

from typing import Any

import pytest

from eso.template.gotext.printf import sprintf
from eso.template.gotext.values import Int64, IntList, NilList, NilMap, StringList, StringMap, Uint8
from eso.template.limits import Budget, LimitError, Limits

CASES: list[tuple[str, tuple[Any, ...], str]] = [
    ("%d|%5d|%-5d|%05d|%+d|% d|%x|%X|%#x|%o|%#o|%O|%b|%c|%q|%U|%#U", (42,) * 17, "42|   42|42   |00042|+42| 42|2a|2A|0x2a|52|052|0o52|101010|*|'*'|U+002A|U+002A '*'"),
    ("%d %x %05d %.3d %8.3d", (-42, -42, -42, -4, 7), "-42 -2a -0042 -004      007"),
    ("[%.0d]", (0,), "[]"),
    ("%c %c %q", (-1, 0x1F600, 0x110000), "\ufffd 😀 '\ufffd'"),
    ("%s|%5s|%-5s|%.2s|%05s|%q|%x|%X|% x|%#x|%# x", ("héllo",) * 11, 'héllo|héllo|héllo|hé|héllo|"héllo"|68c3a96c6c6f|68C3A96C6C6F|68 c3 a9 6c 6c 6f|0x68c3a96c6c6f|0x68 0xc3 0xa9 0x6c 0x6c 0x6f'),
    ("%+q %#q %#q %q", ("é", "pl`ain", "plain", "\udcff\n"), '"\\u00e9" "pl`ain" `plain` "\\xff\\n"'),
    ("%v %+v %#v %T", ("x", "x", "x", "x"), 'x x "x" string'),
    ("%t %v %5t", (True, False, True), "true false  true"),
    ("%v %g %f %.2f %e %E %8.3f|%-8.1f|%+.1f|%08.2f", (1.5,) * 10, "1.5 1.5 1.500000 1.50 1.500000e+00 1.500000E+00    1.500|1.5     |+1.5|00001.50"),
    ("%.0f %.0f %.0f %.1f", (2.5, 3.5, -0.5, 0.25), "2 4 -0 0.2"),
    ("%g %g %g %G %.3g %.10g", (100000.0, 1e6, 1e-5, 1e-7, 1234.5678, 1e6), "100000 1e+06 1e-05 1E-07 1.23e+03 1000000"),
    ("%x %X %b %.2x", (1.5, 100000.5, 1.5, 1.999), "0x1.8p+00 0X1.86A08P+16 6755399441055744p-52 0x1.00p+01"),
    ("%#g %#.3g %#x %#v", (1.0, 1.0, 1.0, 1.0), "1.00000 1.00 0x1.0000p+00 1"),
    ("%6.1f|%06d|%v", (float("inf"), -3, float("nan")), "  +Inf|-00003|NaN"),
    ("%v %.1f %+v", (1 + 2j, 1 + 2j, -1j), "(1+2i) (1.0+2.0i) (-0-1i)"),
    ("%v %d %s %q %x", (["a", 1, None],) * 5, '[a 1 <nil>] [%!d(string=a) 1 <nil>] [a %!s(int=1) <nil>] ["a" \'\\x01\' <nil>] [61 1 <nil>]'),
    ("%#v", ([1, "x", None],), '[]interface {}{1, "x", interface {}(nil)}'),
    ("%#v %#v", ({"a": 1}, StringMap(a="b")), 'map[string]interface {}{"a":1} map[string]string{"a":"b"}'),
    ("%#v %#v %v %v", (NilList(), NilMap(), NilList(), NilMap()), "[]interface {}(nil) map[string]interface {}(nil) [] map[]"),
    ("%#v %#v %#v", (StringList(["a"]), IntList([1]), Uint8(97)), '[]string{"a"} []int{1} 0x61'),
    ("%T %T %T %T %T", (Int64(1), 1, 1.0, None, StringMap()), "int64 int float64 <nil> map[string]string"),
    ("%5v|%05d", ([1, 2], [1, 2]), "[    1     2]|[00001 00002]"),
    ("%d", ("hi",), "%!d(string=hi)"),
    ("%s %5s", (5, 5), "%!s(int=5) %!s(int=    5)"),
    ("%d %d", (1,), "1 %!d(MISSING)"),
    ("%d", (1, 2, "a", None), "1%!(EXTRA int=2, string=a, <nil>)"),
    ("%z %!", (1,), "%!z(int=1) %!!(MISSING)"),
    ("%", (), "%!(NOVERB)"),
    ("100%%", (), "100%"),
    ("%s %v %d", (None, None, None), "%!s(<nil>) <nil> %!d(<nil>)"),
    ("%[2]d %[1]d", (1, 2), "2 1"),
    ("%[3]d %[x]d", (1, 2), "%!d(BADINDEX) %!d(BADINDEX)"),
    ("%[1]*d|%*d|%-*d|", (3, 4, 5, 6), "  4|    6|%!(BADWIDTH)%!d(MISSING)|"),
    ("%*d|%.*d", ("x", 1, -1, 2), "%!(BADWIDTH)1|%!(BADPREC)2"),
    ("%*d", (2_000_000, 1), "%!(BADWIDTH)1"),
    ("%99999999d", (1,), "%!(NOVERB)%!(EXTRA int=1)"),
    ("%.3x|%.1q|%.d", ("abcdef", "é☃", 0), '616263|"é"|'),
    ("%w", ([1],), "%!w([]interface {}=[1])"),
    ("%p", (5,), "%!p(int=5)"),
    ("%.", (5,), "%!.(int=5)"),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "args", "expected"), CASES)
def test_verb(pattern: str, args: tuple[Any, ...], expected: str) -> None:
    assert sprintf(Budget(), pattern, *args) == expected


def test_seven_digits_of_width_are_honoured() -> None:
    assert len(sprintf(Budget(), "%9999999d", 1)) == 9_999_999


@pytest.mark.parametrize("pattern", ["%9999d", "%09999d", "%.9999d", "%.9999f", "%9999s"])
def test_width_is_charged(pattern: str) -> None:
    with pytest.raises(LimitError, match="intermediate"):
        sprintf(Budget(Limits(memory=1000)), pattern, 1.0 if "f" in pattern else "x" if "s" in pattern else 1)
