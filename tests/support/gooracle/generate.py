"""Random templates: mostly well-formed, sometimes damaged, over every construct of the language."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = ["a", " ", "\n", "  x\t\n ", "}}", "é", "\u2603", "{", "{ {", "0", "\r\n", "\udcff", "/*", "-", "$", "日本"]
STRINGS = [
    '""', '"a"', '"b c"', '"\\n"', '"\\x41"', '"\\u00e9"', "`raw`", "`}}`", '"é☃"', '"\\xff"', '"1"', '"k"', "`\n`", '"%d"', '"<&>\'="',
    '"m"', '"true"', '"\\U0001F600"', '"\\101"', '"\\t\\"q\\""', '"\\xc3"', '"\\xa9"',
]  # fmt: skip
NUMBERS = [
    "0", "1", "2", "3", "-1", "10", "0x1F", "0b11", "0o17", "017", "1_000", "1.5", "-0.5", ".5", "5.", "1e3", "1e6", "1e-7", "0x1p4", "'a'", "'\\n'",
    "'☃'", "1i", "1+2i", "-1.5i", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1e100", "100000.0", "1234567.0", "-0.0",
    "3.0", "1e1", "1+0i", "'\\''", "+5", "0x_1", "-0", "0.1", "1e21", "18446744073709551615", "2.5", "0.000001",
]  # fmt: skip
BAD_WORDS = [
    "08",
    "1__0",
    "0x",
    "'ab'",
    '"\\q"',
    "1.2.3",
    "5.a",
    "nil.x",
    "☃",
    "$",
    "18446744073709551616",
    "1e400",
    "'\\\"'",
    "0b2",
    "=",
    "1+2",
    "_1",
]
FIELDS = [".s", ".t", ".e", ".num", ".é", ".long", ".missing", ".bin", ".html"]
PLAIN_FIELDS = [
    ".S",
    ".I",
    ".F",
    ".L",
    ".M",
    ".M.x",
    ".M.n",
    ".N",
    ".B",
    ".missing",
    ".M.missing",
    ".L2",
    ".E",
    ".M.d.y",
    ".N.x",
    ".S.x",
    ".U",
    ".L.x",
]
BUILTINS = [
    ("not", 1, 1), ("len", 1, 1), ("index", 1, 3), ("print", 0, 3), ("println", 0, 2), ("html", 0, 2), ("js", 0, 2), ("urlquery", 0, 2),
    ("eq", 1, 3), ("ne", 2, 2), ("lt", 2, 2), ("le", 2, 2), ("gt", 2, 2), ("ge", 2, 2), ("and", 1, 3), ("or", 1, 3), ("call", 1, 2),
]  # fmt: skip
SPRIG = [
    ("list", 0, 3), ("dict", 0, 4), ("upper", 1, 1), ("until", 1, 1), ("splitList", 2, 2), ("int64", 1, 1), ("split", 2, 2), ("get", 2, 2),
    ("default", 2, 2), ("ternary", 3, 3), ("add", 0, 3), ("hasKey", 2, 2), ("trunc", 2, 2), ("fromJson", 1, 1), ("semver", 1, 1), ("chunk", 2, 2),
    ("float64", 1, 1), ("int", 1, 1), ("first", 1, 1), ("typeOf", 1, 1), ("toJson", 1, 1), ("fail", 1, 1), ("lower", 1, 1), ("trim", 1, 1),
    ("replace", 3, 3), ("join", 2, 2), ("contains", 2, 2), ("has", 2, 2), ("uniq", 1, 1), ("without", 1, 3), ("concat", 0, 2), ("append", 2, 2),
    ("prepend", 2, 2), ("rest", 1, 1), ("last", 1, 1), ("initial", 1, 1), ("reverse", 1, 1), ("compact", 1, 1), ("pick", 1, 3), ("omit", 1, 3), ("dig", 3, 3),
    ("coalesce", 0, 3), ("empty", 1, 1), ("quote", 0, 2), ("squote", 0, 2), ("cat", 0, 3), ("indent", 2, 2), ("b64enc", 1, 1), ("b64dec", 1, 1),
    ("add1", 1, 1), ("sub", 2, 2), ("mul", 1, 3), ("div", 2, 2), ("mod", 2, 2), ("max", 1, 3), ("min", 1, 3), ("floor", 1, 1), ("ceil", 1, 1),
    ("round", 2, 2), ("toString", 1, 1), ("toStrings", 1, 1), ("kindOf", 1, 1), ("kindIs", 2, 2), ("deepEqual", 2, 2), ("toRawJson", 1, 1), ("title", 1, 1),
    ("substr", 3, 3), ("snakecase", 1, 1), ("camelcase", 1, 1), ("trimSuffix", 2, 2), ("hasPrefix", 2, 2), ("semverCompare", 2, 2), ("splitn", 3, 3),
    ("atoi", 1, 1), ("slice", 1, 3), ("base", 1, 1), ("set", 3, 3), ("any", 0, 2), ("all", 0, 2), ("sortAlpha", 1, 1), ("tuple", 0, 3), ("wrap", 2, 2),
]  # fmt: skip
VERBS = list("vvvvdsqxXtTceEfFgGUobObzw%")
JSONS = ['`{"a":1,"b":[1,null,"x"],"c":null,"d":{"e":1.5}}`', '`[1,2.5,"x",null]`', "`null`", "`8080000`", '`"s"`']


class TemplateGenerator:
    """Grows one template.

    `rng` decides everything, so the same `rng` gives the same template.
    """

    def __init__(self, rng: Random, *, plain: bool) -> None:
        self.rng = rng
        self.plain = plain
        self.variables: list[str] = ["$"]
        self.loops = 0
        self.callable = ['"t"', '"u"', "`t`"]
        self.left = "{{"
        self.right = "}}"

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def source(self) -> str:
        text = self.body(self.rng.randrange(1, 4), top=True)
        if self.chance(12):
            text = self.damage(text)
        return text

    def damage(self, text: str) -> str:
        at = self.rng.randrange(len(text) + 1)
        kind = self.rng.randrange(4)
        if kind == 0:
            return text[:at] + text[at + 1 :]
        if kind == 1:
            return text[:at] + self.rng.choice("{}()|.$:=-\"'`, \n0a") + text[at:]
        if kind == 2:
            return text[:at]
        end = self.rng.randrange(at, len(text) + 1)
        return text[:at] + text[end:]

    def body(self, depth: int, *, top: bool = False) -> str:
        mark = len(self.variables)
        parts = [self.piece(depth, top=top) for _ in range(self.rng.randrange(1, 4))]
        del self.variables[mark:]
        return "".join(parts)

    def open(self) -> str:
        return self.left + self.rng.choice(["", "", "", " ", " ", "- ", "-\n"])

    def close(self) -> str:
        return self.rng.choice(["", "", "", " ", " ", " -", "\t-"]) + self.right

    def action(self, inside: str) -> str:
        return self.open() + inside + self.close()

    def piece(self, depth: int, *, top: bool) -> str:
        kind = self.rng.randrange(20)
        if kind < 5:
            return "".join([self.rng.choice(TEXTS) for _ in range(self.rng.randrange(1, 4))])
        if kind < 11 or depth <= 0:
            return self.action(self.pipeline(2))
        if kind < 13:
            return self.declaration()
        if kind == 13:
            return self.comment()
        if kind == 14:
            return self.call(depth, top=top)
        if kind == 15 and (self.loops or self.chance(5)):
            return self.action(self.rng.choice(["break", "continue"]))
        return self.control(depth)

    def comment(self) -> str:
        return self.left + self.rng.choice(["/* c */", "- /* c */", "/* c */ -", " /* c */", "/* \n */"]) + self.right

    def declaration(self) -> str:
        name = self.rng.choice(["$x", "$y", "$z"])
        if name in self.variables and self.chance(50):
            return self.action(f"{name} = {self.pipeline(2)}")
        text = self.action(f"{name} {'=' if self.chance(4) else ':='} {self.pipeline(2)}")
        self.variables.append(name)
        return text

    def call(self, depth: int, *, top: bool) -> str:
        name = self.rng.choice(self.callable)
        if top and self.chance(40):
            # Recursion has no end that both sides share, so "t" calls only "u", and that calls nothing that exists.
            outer = self.variables, self.loops, self.callable
            self.variables, self.loops, self.callable = ["$"], 0, ['"w"'] if name == '"u"' else ['"u"']
            body = self.body(depth - 1)
            self.variables, self.loops, self.callable = outer
            keyword, data = self.rng.choice([("define", ""), ("define", ""), ("block", f" {self.operand(1)}")])
            return f"{self.action(f'{keyword} {name}{data}')}{body}{self.action('end')}"
        return self.action(f"template {name}{self.rng.choice(['', ' ' + self.pipeline(1)])}")

    def control(self, depth: int) -> str:
        mark = len(self.variables)
        keyword = self.rng.choice(["if", "with", "range"])
        header = self.pipeline(2) if keyword != "range" else self.ranged()
        if self.chance(25):
            names = self.rng.choice([["$v"], ["$i", "$v"]] if keyword == "range" else [["$v"]])
            self.variables.extend(names)
            header = f"{', '.join(names)} := {header}"
        self.loops += keyword == "range"
        text = self.action(f"{keyword} {header}") + self.body(depth - 1)
        self.loops -= keyword == "range"
        if keyword != "range" and self.chance(20):
            text += self.action(f"else {keyword} {self.pipeline(1)}") + self.body(depth - 1)
        if self.chance(35):
            text += self.action("else") + self.body(depth - 1)
        del self.variables[mark:]
        return text + self.action("end")

    def ranged(self) -> str:
        if self.plain:
            return self.rng.choice(
                [".L", ".M", ".N", ".I", "3", ".E", ".L2", "0", ".S", "$", ".", "-1", "1.5", self.pipeline(1)]
            )
        return self.rng.choice(
            [
                "$",
                ".",
                "(list 1 2 3)",
                '(dict "b" 1 "a" 2)',
                "(until 3)",
                "2",
                '(splitList "," "a,b")',
                "(int64 2)",
                ".s",
                self.pipeline(1),
                "list",
            ]
        )

    def pipeline(self, depth: int) -> str:
        stages = [self.command(depth)]
        while self.chance(25):
            stages.append(self.command(depth, follows=True))
        return self.rng.choice([" | ", "|", " |"]).join(stages) + (" |" if self.chance(1) else "")

    def command(self, depth: int, *, follows: bool = False) -> str:
        if follows:
            return self.function(depth, missing=1) if self.chance(93) else self.operand(depth)
        if self.chance(45):
            return self.function(depth)
        text = self.operand(depth)
        return f"{text} {self.operand(depth)}" if self.chance(3) else text

    def function(self, depth: int, missing: int = 0) -> str:
        if self.chance(22):
            return self.printf(depth, missing)
        name, least, most = self.rng.choice(BUILTINS if self.plain or self.chance(45) else SPRIG)
        if name == "until":
            return f"until {self.rng.choice(['0', '3', '-2', '1e1', '1.5', '.', 'nil'])}"
        if name == "fromJson" and not missing:
            return f"fromJson {self.rng.choice(JSONS)}"
        count = max(self.rng.randrange(least, most + 1) - missing, 0)
        if self.chance(2):
            count += 1
        return " ".join([name, *[self.operand(depth - 1) for _ in range(count)]])

    def printf(self, depth: int, missing: int) -> str:
        count = self.rng.randrange(0, 4)
        pattern = "".join([self.directive() for _ in range(max(count + self.rng.choice([0, 0, 0, 1, -1]), 0))])
        quoted = '"' + pattern.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return " ".join(["printf", quoted, *[self.operand(depth - 1) for _ in range(max(count - missing, 0))]])

    def directive(self) -> str:
        rng = self.rng
        flags = "".join([rng.choice("+-# 0") for _ in range(rng.choice([0, 0, 0, 1, 2]))])
        index = f"[{rng.randrange(0, 5)}]" if self.chance(5) else ""
        width = rng.choice(["", "", "", "5", "12", "*", "[1]*"] if self.chance(40) else [""])
        precision = rng.choice(["", "", ".0", ".2", ".", ".12", ".*"] if self.chance(40) else [""])
        return (
            rng.choice(["", "", "|", "x ", "é"])
            + "%"
            + flags
            + index
            + width
            + precision
            + (rng.choice(VERBS) if self.chance(99) else "")
        )

    def operand(self, depth: int) -> str:
        kind = self.rng.randrange(20)
        if kind < 4:
            return self.rng.choice(STRINGS)
        if kind < 8:
            return self.rng.choice(NUMBERS)
        if kind < 11:
            return self.rng.choice(PLAIN_FIELDS if self.plain else FIELDS)
        if kind == 11:
            return self.rng.choice(["true", "false", "nil", "nil"])
        if kind < 14:
            name = self.rng.choice(self.variables)
            return name + (self.rng.choice([".s", ".x", ".S"]) if self.chance(10) else "")
        if kind == 14:
            return "."
        if kind == 15 and self.chance(20):
            return self.rng.choice(BAD_WORDS)
        if kind == 16 and not self.plain:
            return self.rng.choice([
                '(list 1 "a" nil)', '(dict "k" 1 "m" (dict "x" nil))', "(list)", '(dict "k" nil).k', f"(fromJson {self.rng.choice(JSONS)})",
                f"(fromJson {JSONS[0]}).{self.rng.choice(['a', 'b', 'c', 'd', 'd.e', 'z', 'c.x'])}", "(until 2)", "(int64 3)", '(splitList "" "ab")',
                '(semver "1.2.3").Major', '(semver "1.2.3-rc.1")', '(index "ab" 0)', '(float64 "Inf")', '(float64 "-Inf")', '(float64 "NaN")', "dict", "list", 'index $ "nope"', '((semver "1.2.3").Compare (semver "1.2.4"))',
            ])  # fmt: skip
        if depth <= 0:
            return self.rng.choice(["1", '"z"', "."])
        declared = self.chance(2)
        text = f"({'$p := ' if declared else ''}{self.pipeline(depth - 1)})"
        if declared:
            self.variables.append("$p")
        return text + (self.rng.choice([".x", ".k", ".a.b", ".y"]) if self.chance(10) else "")


def string_data(rng: Random) -> dict[str, str]:
    return {
        "s": rng.choice(["alpha", "", "x y"]), "t": "5432", "e": "", "num": rng.choice(["8080", "0", "-1"]), "é": "accent", "long": "word " * 5,
        "bin": "\udcff\x00\udcc3", "html": "<a href='x'>&\"=</a>",
    }  # fmt: skip


def plain_data(rng: Random) -> Any:
    if rng.randrange(30) == 0:
        return rng.choice([None, 5, "str", [1, 2], True, 1.5])
    return {
        "S": rng.choice(["str", ""]), "I": rng.choice([17, 0, -3, 2]), "F": rng.choice([1.5, 1e21, 1e-7, 100000.5]), "L": [1, "two", 3.5, None, [4]],
        "M": {"x": "y", "n": None, "b": 2, "é": 1, "d": {"y": [1]}}, "N": None, "B": rng.choice([True, False]), "L2": [{"a": 1}, {"b": None}], "E": {},
        "U": "héllo ☃",
    }  # fmt: skip
