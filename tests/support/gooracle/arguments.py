"""Random arguments for each function, in the written form of `govalues`."""

from __future__ import annotations

import base64
from collections.abc import Callable
from random import Random
from typing import Any

from tests.support.gooracle import samples

Written = Any
Arguments = Callable[[], list[Written]]

SAME_TWICE = {
    "trimall": "trimAll", "tuple": "list", "push": "append", "mustAppend": "append", "mustPush": "append", "mustPrepend": "prepend",
    "mustFirst": "first", "mustLast": "last", "mustRest": "rest", "mustInitial": "initial", "mustReverse": "reverse",
    "mustCompact": "compact", "mustUniq": "uniq", "mustWithout": "without", "mustHas": "has", "mustSlice": "slice", "mustChunk": "chunk",
    "biggest": "max", "mustDeepCopy": "deepCopy", "mustRegexMatch": "regexMatch", "mustRegexFind": "regexFind",
    "mustRegexFindAll": "regexFindAll", "mustRegexSplit": "regexSplit", "mustRegexReplaceAll": "regexReplaceAll",
    "mustRegexReplaceAllLiteral": "regexReplaceAllLiteral", "mustFromJson": "fromJson", "date_in_zone": "dateInZone",
    "date_modify": "dateModify", "mustDateModify": "dateModify", "must_date_modify": "dateModify", "mustToDate": "toDate",
    "osBase": "base", "osDir": "dir", "osClean": "clean", "osExt": "ext", "osIsAbs": "isAbs", "mustMerge": "merge",
    "mustMergeOverwrite": "mergeOverwrite", "nindent": "indent",
}  # fmt: skip
"""Functions that take the same arguments as another one."""


class Material:
    """Random values."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.of = rng.choice

    def int(self, *choices: int) -> Written:
        return {"int": str(self.of(choices or (-100, -5, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 40)))}

    def text(self) -> Written:
        if self.rng.random() < 0.1:
            return self.of(samples.STRAY)
        if self.rng.random() < 0.75:
            return self.of(samples.WORDS)
        return "".join(self.of("abcXYZ019 _-./éÉß\n\t'\"<&日😀") for _ in range(self.rng.randint(0, 14)))

    def float(self) -> Written:
        return {"float64": repr(self.of([*samples.FLOATS, self.rng.uniform(-100, 100)]))}

    def scalar(self) -> Written:
        return self.of(
            [
                lambda: None,
                lambda: self.rng.random() < 0.5,
                self.text,
                lambda: self.int(0, 1, -1, 7, 42, 1_000_000, -(1 << 63)),
                lambda: {"int64": str(self.of([0, 1, -3, (1 << 63) - 1]))},
                self.float,
                lambda: {"float64": self.of(["NaN", "+Inf", "-Inf"])},
                lambda: {"uint8": str(self.rng.randint(0, 255))},
                lambda: self.of(samples.NUMBERS),
                lambda: {"complex128": self.of(["(1+2i)", "(0+0i)"])},
            ]
        )()

    def any(self, depth: int = 0) -> Written:
        if depth > 2 or self.rng.random() < 0.55:
            return self.scalar()
        return self.of(
            [
                lambda: self.many(lambda: self.any(depth + 1)),
                lambda: {"strings": self.many(self.text)},
                lambda: {"ints": [str(self.rng.randint(-5, 5)) for _ in range(self.rng.randint(0, 4))]},
                lambda: {"nil": self.of(["[]interface {}", "[]string", "map[string]interface {}"])},
                lambda: {"smap": [[key, self.text()] for key in sorted(self.rng.sample(["a", "b", "c-d", "10"], 2))]},
                lambda: {"lists": self.many(lambda: self.many(lambda: self.any(depth + 1), most=2), most=2)},
                lambda: self.dict(depth),
            ]
        )()

    def dict(self, depth: int = 0) -> Written:
        keys = self.rng.sample(["a", "b", "c", "d", "A", "_", "10", "9", "é", "y"], self.rng.randint(0, 5))
        return {"map": [[key, self.any(depth + 1)] for key in sorted(keys)]}

    def list(self) -> Written:
        return self.of(
            [lambda: self.many(lambda: self.any(1), most=6), lambda: {"strings": self.many(self.text)}, self.any]
        )()

    def many(self, make: Callable[[], Written], most: int = 4, least: int = 0) -> list[Written]:
        return [make() for _ in range(self.rng.randint(least, most))]

    def loose(self) -> Written:
        """What arithmetic gets."""
        return self.of([lambda: self.of(samples.NUMBERS), self.any, self.int, self.float])()

    def encoded(self) -> Written:
        data = self.rng.randbytes(self.rng.randint(0, 12))
        whole = self.of([base64.b64encode(data).decode(), base64.b32encode(data).decode(), data.hex()])
        return whole[: self.rng.randint(0, 20)] + self.of(["", "", "=", "==", "\n", "=\n=", "é", "======", "z"])

    def path(self) -> str:
        return "".join(self.many(lambda: self.of(["/", "..", ".", "a", "bc", "//", "x.tar.gz", ".b", "é"]), most=7))

    def time(self) -> Written:
        if self.rng.random() < 0.1:
            return {"time": ["0", "0", None]}
        seconds = self.of(
            [0, 1_700_000_000, -1, 951_782_400, -62_135_596_800, 1_711_846_800, self.rng.randint(-(10**10), 10**11)]
        )
        zone = self.of([name for name in samples.ZONES if "/" in name and "." not in name and name != "Nope/Zone"])
        return {"time": [str(seconds), str(self.of([0, 0, 1, 123_000_000, 999_999_999])), zone]}

    def moment(self) -> Written:
        return self.of([self.time, lambda: self.int(0, -1, 4_000_000_000), lambda: {"int64": "1700000000"}])()

    def yaml_value(self, depth: int = 0) -> Written:
        if depth > 3 or self.rng.random() < 0.5:
            return self.of(
                [lambda: self.of(samples.YAML_STRINGS), self.float, lambda: self.of([None, True, {"int": "42"}])]
            )()
        if self.rng.random() < 0.5:
            return self.many(lambda: self.yaml_value(depth + 1), most=3)
        keys = {self.of(samples.YAML_KEYS) for _ in range(self.rng.randint(0, 5))}
        return {"map": [[key, self.yaml_value(depth + 1)] for key in sorted(keys)]}

    def yaml_text(self) -> Written:
        if self.rng.random() < 0.6:
            return self.of(samples.YAML_TEXTS)
        return "".join(self.many(lambda: self.of(samples.YAML_PIECES), most=8, least=1))

    def url_parts(self) -> Written:
        names = self.rng.sample(
            ["scheme", "host", "path", "query", "opaque", "fragment", "userinfo"], self.rng.randint(0, 7)
        )
        texts = [
            "",
            "http",
            "h",
            "host:80",
            "/p",
            "p",
            "a b",
            "é",
            "*",
            "x=1",
            "a@b",
            "u:p",
            "u",
            "%41",
            "%zz",
            "a:b",
            "<>",
            "[::1]",
            "/a:b",
        ]
        return {"map": [[name, self.of(texts) if self.rng.random() < 0.95 else self.any()] for name in sorted(names)]}


def _texts(m: Material) -> dict[str, Arguments]:
    def short() -> Written:
        return m.of(samples.SHORT)

    unary = "trim upper lower title untitle swapcase nospace initials sha1sum sha256sum sha512sum adler32sum snakecase kebabcase"
    table: dict[str, Arguments] = dict.fromkeys(
        [*unary.split(), "camelcase", "b64enc", "b32enc", "fail"], lambda: [m.text()]
    )
    table |= dict.fromkeys(["b64dec", "b32dec", "hexdec"], lambda: [m.encoded()])
    binary = "trimAll trimSuffix trimPrefix contains hasPrefix hasSuffix splitList split"
    table |= dict.fromkeys(binary.split(), lambda: [m.of([short, m.text])(), m.text()])
    table |= dict.fromkeys(["trunc", "abbrev", "indent", "repeat", "wrap"], lambda: [m.int(), m.text()])
    table |= dict.fromkeys(["quote", "squote", "cat"], lambda: m.many(m.any))
    table |= dict.fromkeys(["toString", "toStrings", "sortAlpha"], lambda: [m.any()])
    return table | {
        "hello": list,
        "splitn": lambda: [short(), m.int(), m.text()],
        "replace": lambda: [short(), short(), m.text()],
        "wrapWith": lambda: [m.int(), short(), m.text()],
        "substr": lambda: [m.int(), m.int(), m.text()],
        "abbrevboth": lambda: [m.int(), m.int(), m.text()],
        "plural": lambda: [m.text(), m.text(), m.int()],
        "join": lambda: [short(), m.any()],
    }


def _numbers(m: Material) -> dict[str, Arguments]:
    table: dict[str, Arguments] = dict.fromkeys(
        ["int", "int64", "float64", "toDecimal", "add1", "floor", "ceil", "add1f"], lambda: [m.loose()]
    )
    table |= dict.fromkeys(["sub", "div", "mod", "max", "min", "mul"], lambda: [m.loose(), m.loose()])
    table |= dict.fromkeys(["maxf", "minf", "subf", "mulf", "divf"], lambda: m.many(m.loose, least=1))
    table |= dict.fromkeys(["add", "addf"], lambda: m.many(m.loose))
    return table | {
        "atoi": lambda: [m.of(samples.NUMBERS)],
        "round": lambda: [m.loose(), m.int(-400, -3, -1, 0, 1, 2, 5, 20, 400), *m.many(m.float, most=1)],
        "until": lambda: [m.int()],
        "untilStep": lambda: [m.int(), m.int(), m.int()],
        "seq": lambda: m.many(m.int),
    }


def _containers(m: Material) -> dict[str, Arguments]:
    def key() -> str:
        return m.of(["a", "b", "c", "zz", "A"])

    def target() -> Written:
        return m.of([m.dict, m.dict, lambda: {"nil": "map[string]interface {}"}])()

    table: dict[str, Arguments] = dict.fromkeys(
        ["first", "last", "rest", "initial", "reverse", "compact", "uniq"], lambda: [m.list()]
    )
    table |= dict.fromkeys(["list", "coalesce", "all", "any", "dict"], lambda: m.many(m.any, most=5))
    table |= dict.fromkeys(["empty", "typeOf", "kindOf", "deepCopy"], lambda: [m.any()])
    table |= dict.fromkeys(["append", "prepend"], lambda: [m.list(), m.any()])
    table |= dict.fromkeys(["get", "hasKey", "unset"], lambda: [m.dict(), key()])
    table |= dict.fromkeys(["pick", "omit"], lambda: [m.dict(), *m.many(key)])
    table |= dict.fromkeys(["merge", "mergeOverwrite"], lambda: [target(), *m.many(m.dict, most=2, least=1)])
    table |= dict.fromkeys(["typeIs", "typeIsLike"], lambda: [m.of(["int", "string", "[]interface {}"]), m.any()])
    return table | {
        "without": lambda: [m.list(), *m.many(m.any)],
        "has": lambda: [m.any(), m.list()],
        "slice": lambda: [m.list(), *m.many(lambda: m.int(0, 1, 2, -1, 9))],
        "concat": lambda: m.many(m.list, most=3),
        "chunk": lambda: [m.int(), m.list()],
        "set": lambda: [m.dict(), key(), m.any()],
        "pluck": lambda: [key(), *m.many(m.dict)],
        "dig": lambda: [*m.many(key, most=3, least=0), m.any(), m.of([m.dict, m.dict, m.any])()],
        "default": lambda: [m.any(), *m.many(m.any)],
        "ternary": lambda: [m.any(), m.any(), m.of([True, False])],
        "kindIs": lambda: [m.of(["int", "slice", "map", "invalid"]), m.any()],
        "deepEqual": lambda: m.of([lambda: [m.any(), m.any()], lambda: [m.any()] * 2])(),
    }


def _formats(m: Material) -> dict[str, Arguments]:
    table: dict[str, Arguments] = dict.fromkeys(
        ["toJson", "toPrettyJson", "toRawJson", "mustToJson", "mustToPrettyJson", "mustToRawJson"], lambda: [m.any()]
    )
    table |= dict.fromkeys(["base", "dir", "clean", "ext", "isAbs"], lambda: [m.path()])
    table |= dict.fromkeys(["regexMatch", "regexFind"], lambda: [m.of(samples.PATTERNS), m.of(samples.SUBJECTS)])
    table |= dict.fromkeys(
        ["regexFindAll", "regexSplit"], lambda: [m.of(samples.PATTERNS), m.of(samples.SUBJECTS), m.int(-1, -1, 0, 1, 2)]
    )
    table |= dict.fromkeys(
        ["regexReplaceAll", "regexReplaceAllLiteral"],
        lambda: [m.of(samples.PATTERNS), m.of(samples.SUBJECTS), m.of(samples.REPLACEMENTS)],
    )
    return table | {
        "regexQuoteMeta": lambda: [m.of(samples.PATTERNS)],
        "fromJson": lambda: [m.of(samples.JSON_TEXTS)],
        "toYaml": lambda: [m.of([m.yaml_value, m.yaml_value, m.any])()],
        "fromYaml": lambda: [m.yaml_text()],
        "urlParse": lambda: [m.of(samples.URLS)],
        "urlJoin": lambda: [m.url_parts()],
        "semver": lambda: [m.of([*samples.VERSIONS, *samples.BAD_VERSIONS])],
        "semverCompare": lambda: [m.of(samples.CONSTRAINTS), m.of([*samples.VERSIONS, *samples.VERSIONS, "x"])],
    }


def _dates(m: Material) -> dict[str, Arguments]:
    return {
        "date": lambda: [m.of(samples.LAYOUTS), m.moment()],
        "dateInZone": lambda: [m.of(samples.LAYOUTS), m.moment(), m.of(samples.ZONES)],
        "htmlDate": lambda: [m.moment()],
        "htmlDateInZone": lambda: [m.moment(), m.of(samples.ZONES)],
        "dateModify": lambda: [m.of(samples.DURATIONS), m.time()],
        "duration": lambda: [m.of([m.of(samples.NUMBERS), {"int64": "95"}, m.any()])],
        "durationRound": lambda: [m.of([m.of(samples.DURATIONS), {"int64": "-7200000000000"}, m.int()])],
        "toDate": lambda: [m.of(samples.LAYOUTS), m.of(samples.TIME_TEXTS)],
        "unixEpoch": lambda: [m.time()],
    }


def functions(rng: Random) -> dict[str, Arguments]:
    """What makes arguments, by function: every one whose result does not depend on chance, the clock, or keys."""
    m = Material(rng)
    table = _texts(m) | _numbers(m) | _containers(m) | _formats(m) | _dates(m)
    return table | {name: table[other] for name, other in SAME_TWICE.items()}


def methods(rng: Random) -> dict[tuple[str, str], Arguments]:
    """What makes the receiver and arguments of a method, by the receiver's kind and the method."""
    m = Material(rng)

    def duration() -> Written:
        return {
            "duration": str(
                m.of([0, 1, 7, -1, 10**9, -3661 * 10**9, 7 * 86_400 * 10**9, rng.randint(-(1 << 62), 1 << 62)])
            )
        }

    def version() -> Written:
        return {"semver": m.of(samples.VERSIONS)}

    table: dict[tuple[str, str], Arguments] = {}
    plain = "Year Month Day Hour Minute Second Nanosecond Weekday YearDay Unix UnixMilli UnixMicro UnixNano String IsZero UTC Location"
    for name in plain.split():
        table["time", name] = lambda: [m.time()]
    for name in ["Sub", "Before", "After", "Equal", "Compare"]:
        table["time", name] = lambda: [m.time(), m.time()]
    for name in ["Add", "Truncate", "Round"]:
        table["time", name] = lambda: [m.time(), duration()]
    table["time", "Format"] = lambda: [m.time(), m.of(samples.LAYOUTS)]
    table["time", "AddDate"] = lambda: [m.time(), m.int(-3, 0, 2), m.int(-20, 0, 11), m.int(-400, 0, 31)]
    for name in ["String", "Nanoseconds", "Microseconds", "Milliseconds", "Seconds", "Minutes", "Hours", "Abs"]:
        table["duration", name] = lambda: [duration()]
    for name in ["Truncate", "Round"]:
        table["duration", name] = lambda: [duration(), duration()]
    for name in [
        "Major",
        "Minor",
        "Patch",
        "Prerelease",
        "Metadata",
        "Original",
        "String",
        "IncMajor",
        "IncMinor",
        "IncPatch",
    ]:
        table["semver", name] = lambda: [version()]
    for name in ["Compare", "Equal", "LessThan", "LessThanEqual", "GreaterThan", "GreaterThanEqual"]:
        table["semver", name] = lambda: [version(), version()]
    for name in ["SetPrerelease", "SetMetadata"]:
        table["semver", name] = lambda: [version(), m.of(["", "a", "01", "a..b", "x_y", "1"])]
    return table
