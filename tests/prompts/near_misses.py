"""Sentences at the edge of the rules, each with what a matcher should say about one term.

"found" and "clear" are meant as requirements, "either" as a choice that the documentation should
name. `within` counts word positions: "A B" are 1 apart, "A x B" are 2 apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .made_up_terms import BY_TEXT, TERMS, Term

Expect = Literal["found", "clear", "either"]
EXPECT: dict[str, Expect] = {"found": "found", "clear": "clear", "either": "either"}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """One sentence and what it should give for the named term (no other term is in it)."""

    sentence: str
    term: Term
    expect: Expect
    note: str


# --- Words around a term: {} is the term --------------------------------------------------------
AROUND: tuple[tuple[str, Expect, str], ...] = (
    ("{}", "found", "alone"),
    ("{}.", "found", "full stop"),
    ("what, {}?!", "found", "punctuation"),
    ("a “{}” there", "found", "curly quotes"),
    ("«{}»", "found", "guillemets"),
    ("'{}'", "found", "single quotes"),
    ("({}:1.3)", "found", "weight"),
    ("(({})), [[{}]]", "found", "brackets"),
    ("{{}}", "found", "braces"),
    ("<lora:{}:1>", "found", "lora"),
    ("<lora:{}_v2:0.8>", "found", "lora, an underscore and a version"),
    ("embedding:{}", "found", "embedding"),
    ("[{}:cat:0.5]", "found", "prompt editing"),
    ("{}, {}, {}", "found", "thrice"),
    ("cat|{}|dog", "found", "bars"),
    ("#{}", "found", "hash tag"),
    ("@{}", "found", "mention (@ is leet for a: keep the term findable)"),
    ("{}-like", "found", "hyphenated compound"),
    ("un-{}", "found", "hyphenated compound"),
    ("{}'s hat", "found", "apostrophe s"),
    ("{}’s hat", "found", "curly apostrophe s"),
    ("{}s' hats", "either", "plural"),
    ("{}s", "either", "plural: only a prefix term must be found"),
    ("the_{}_hat", "found", "underscores as spaces"),
    ("https://example.org/{}/x.png", "found", "path of an address"),
    ("{}.png", "found", "file name"),
    ("{}123", "either", "digits joined on: leet digits or a number"),
    ("x{}x", "clear", "inside letters"),
    ("re{}", "clear", "letters before"),
    ("\u200b{}\ufeff", "found", "invisible characters around"),
    ("a\u200b{}\u200bb", "either", "invisible characters instead of spaces: ab joined or apart"),
    ("**{}** __{}__ ~~{}~~", "found", "markdown"),
    ("{}\u2764\ufe0f\U0001f525", "found", "emoji joined on"),
    ("\U0001f525{}", "found", "emoji before"),
    ("日本{}日本", "either", "letters of a script without spaces joined on"),
    ("{}\x00end", "found", "NUL joined on"),
)
AROUND_TERMS = (
    "glimmerfish",
    "snorfleberry",
    "wumpet",
    "therm",
    "größling",
    "мерцарыба",
    "ψαρολάμπης",
)

# --- Phrases ------------------------------------------------------------------------------------
BETWEEN: tuple[tuple[str, Expect, str], ...] = (
    (" ", "found", "space"),
    ("  ", "found", "two spaces"),
    ("\n", "found", "new line"),
    ("\r\n\t", "found", "new line and tab"),
    ("\u00a0", "found", "no-break space"),
    ("\u3000", "found", "ideographic space"),
    ("_", "found", "underscore"),
    ("-", "found", "hyphen"),
    (" - ", "either", "dash between words"),
    (", ", "either", "comma: another phrase, or an evasion"),
    (". ", "either", "full stop: another sentence, or an evasion"),
    ("/", "found", "slash"),
    ("+", "found", "plus"),
    ("%20", "found", "percent-encoded space"),
    ("&nbsp;", "found", "HTML entity"),
    (" \u200b ", "found", "zero width space between spaces"),
    ("\u200b", "either", "zero width space instead of the space"),
    ("", "either", "joined words"),
    (" x ", "clear", "another word between"),
    (" and ", "clear", "another word between"),
)
PHRASES = ("moon cheese", "purple walrus parade", "dancing turnip", "лунный сыр", "φεγγαρίσιο τυρί")

# --- Single cases: TERM | EXPECT | NOTE | SENTENCE ----------------------------------------------
CASES = r"""
purple walrus parade|found|CamelCase phrase|PurpleWalrusParade
purple walrus parade|found|camelCase phrase in a lora|<lora:purpleWalrusParade:0.7>
moon cheese|either|words the other way round|cheese moon
moon cheese|either|plural inside a phrase|moons cheese
moon cheese|either|genitive inside a phrase|the moon's cheese
seven lazy otters|clear|part of a phrase|lazy otters in a river
seven lazy otters|either|number as digit|7 lazy otters
glimmerfish|either|ordinary two words whose join is a term|a glimmer fish in the sea
glimmerfish|either|hyphenation at a line end|a glimmer-\nfish in the sea
glimmerfish|clear|parts far apart|a glimmer of hope and a fish
snorfleberry|either|one letter missing: no fuzzy matching promised|a snorfleberr on a plate
snorfleberry|either|two letters swapped|a snorflebrery on a plate
wumpet|clear|other word at edit distance 1|a trumpet and a crumpet on a strumpet-free plate
modem|clear|rn is no m in an ordinary word|a modern house by the sea
modem|either|rn for m at a place that makes no word|an old rnodem on a desk
therm|clear|across a word boundary|another mountain, father made, weather map
arsen|clear|across a word boundary|Mars energy, cigars entering, bars end
stan|clear|across a word boundary|just an old house, most animals, first antelope
rench|clear|across a word boundary|her enchanted garden, four enchiladas
burg|clear|spaced heading that holds a term|H A M B U R G
arsen|clear|spaced heading that holds a term|A R S E N A L
ester|clear|dotted heading that holds a term|M.A.N.C.H.E.S.T.E.R
stan|either|spaced short term that is not loose|S T A N
wupp|clear|loose short term inside a place name|the hanging railway of Wuppertal
vorp|clear|loose short term inside a word|a vorpal sword
vorp|clear|loose short term across words|savor pears
qux|found|loose short term with dots|q.u.x. on a sign
qux|found|loose short term with spaces|q u x on a sign
vorp|found|loose short term with leet|a v0rp on a sign
zob|either|short term that is not loose: 0 is a look-alike of O, yet also leet|part Z0B-5150
zob|either|short term that is not loose, dotted|Z.O.B. on a sign
zob|clear|inside a surname|Mr Zobel and Mrs Zobrist
mib|clear|inside a place name|a desert in Namibia
ept|clear|inside words|kept in September, an inept concept
lamb|clear|inside words|Lambeth, Lambert, clambering, lambda
lamb|either|accented letter in an English word|a lámb on a hill
lollo|clear|a number that reads as the term|binary 10110
gobbos|clear|a number that reads as the term|SKU 608805
gobbos|found|leet with letters|some g0bb05 on a hill
gobbos|either|fewer letters than the term (both collapse to one)|a gobos holder for a lamp
gobbos|found|repeated letters|some goooobbbbboooos
blorf|found|five letters, leet|a bl0rf on a hill
blorf|found|five letters, spaced|a b l o r f on a hill
blorf|clear|spaced letters with others before|s a b l o r f e
o'grumble|found|with curly apostrophe|old O’Grumble sings
o'grumble|either|without apostrophe|old OGrumble sings
o'grumble|either|space instead of the apostrophe|old O Grumble sings
kettle-drake|found|as listed|a kettle-drake on a hill
kettle-drake|found|non-breaking hyphen|a kettle‑drake on a hill
kettle-drake|either|space instead of the hyphen|a kettle drake on a hill
kettle-drake|either|joined|a kettledrake on a hill
flimber|found|prefix: the word itself|a flimber here
flimber|found|prefix: at a word start|flimbering and flimbered
flimber|found|prefix: after a hyphen|half-flimbering
flimber|found|prefix: after an underscore|very_flimbering
flimber|clear|prefix inside a word|an unflimbered boat
flimber|either|prefix with letters spaced and an ending|f l i m b e r i n g
knurpsel|found|prefix, capitals|KNURPSELN
knurpsel|clear|prefix inside a word|das Geknurpsel
splotter|clear|shorter than the prefix|a splotte here
pöllöhattu|found|Finnish inflection|pöllöhatulla ja pöllöhattuihin
pöllöhattu|clear|Finnish consonant gradation leaves the prefix|vain pöllöhatulla
mörkövati|found|Finnish inflection|mörkövatiin asti
kuplakissa|found|Finnish inflection|kuplakissaltakin
turşulav|found|Turkish inflection|turşulavcılardan
turşulav|either|without Turkish letters|tursulavcilardan
şişirgeç|found|Turkish capitals|ŞİŞİRGEÇLER
şişirgeç|clear|Turkish consonant softening leaves the prefix|şişirgecin sesi
ışıldakbalık|found|Turkish capitals of dotless i|IŞILDAKBALIK
ışıldakbalık|either|capitals then lower case by a program without Turkish|işildakbalik
İncirlikuşu|found|lower case|incirlikuşu
İncirlikuşu|found|i and a combining dot, as casefold makes it|i̇ncirlikuşu
stan|clear|inside a Turkish place name|İstanbul, Bostancı, Kazakistan
anka|clear|inside a Turkish place name|Ankara, Çankaya
chuối|clear|another tone is another word|một chuỗi hạt
chuối|either|no tone at all|qua chuoi chin
chuối|found|decomposed|quả chuối chín
bừp|clear|another tone is another word|cái bưp
straßenwumpf|found|ss|ein Strassenwumpf
straßenwumpf|found|capitals|EIN STRASSENWUMPF
größling|found|capital sharp s|EIN GRÖẞLING
größling|either|ae oe ue|ein Groessling
größling|either|without marks|ein Grossling
burg|clear|compound|Hamburg, Burghausen, Burger
knödelschlumpf|found|prefix in a German compound|der Knödelschlumpfkönig
град|clear|inside a place name|Волгоград, виноград, градусник
стан|clear|inside a place name|Казахстан, станция
рост|clear|inside a surname|Ростовцев и росток
ров|clear|inside a surname|Петров, Ровно, здоровье
рост|either|inflected form of a word term|нет роста
сор|either|whole-script look-alike: Latin c, o, p in an English sentence|a kind cop on a bike
сор|found|Latin letters in a Russian sentence|здесь лежит cop у двери
сор|clear|inside a word|сорока и сорняк
шлёпоног|either|ё written as е|шлепоноги идут
чайникол|found|prefix with ending|чайниколом
чайникол|clear|prefix inside a word|подчайникол
йогурдыл|found|и and a combining breve|йогурдыл
їжакпух|found|decomposed|їжакпух
їжакпух|either|Ukrainian ї written as і|іжакпух
νίκη|clear|inside a place name|Θεσσαλονίκη
νίκη|either|without tonos|νικη
ψαρολάμπης|found|capitals with tonos|ΨΑΡΟΛΆΜΠΗΣ
ψαρολάμπης|either|capitals without tonos: usual Greek writing|ΨΑΡΟΛΑΜΠΗΣ
ψαρολάμπης|found|medial sigma at the end|ψαρολάμπησ
ρόδο|clear|longer word|ροδόνερο, ρόδος, ροδόδεντρο
موز|clear|inside a word|رموز شهر تموز
تين|clear|inside a place name|الأرجنتين
دار|clear|inside a word|جدار ومدار
دار|either|with the article|الدار البيضاء
موز|either|with a conjunction joined on|خبز وموز
سمكلمعون|either|with article and conjunction|والسمكلمعون
إبريقون|either|alef without hamza|ابريقون جميل
فقاعوشة|either|teh marbuta as heh|فقاعوشه
كركورنب|found|Persian kaf|کرکورنب
كركورنب|found|vowel marks|كَركورنَب
ים|clear|plural ending|ילדים בירושלים
ים|either|with the article|הים הכחול
דג|clear|longer word|דגל ודגם
קשקשיים|found|points|קַשְקַשיים
דגנצנץ|either|with a joined preposition|בדגנצנץ
גבינושק|found|prefix with ending|גבינושקים
पुर|clear|inside a place name|जयपुर, कानपुर, पुरस्कार
गढ़|clear|inside a place name|चंडीगढ़
गढ़|found|one code point for the nukta letter|पुराना गढ़
गढ़|either|without nukta|पुराना गढ
आम|clear|longer word|आमदनी और आमंत्रण
ज़ोरबेलनाक|found|nukta as one code point|एक ज़ोरबेलनाक
오리|clear|longer word|오리지널 항아리
오리|either|with a particle|오리가 물에 있다
감자|clear|compound|감자탕 한 그릇
산|clear|inside a place name|부산, 울산, 산책로
산|either|with a particle|산에 오른다
주전자꽃|found|prefix with particle|주전자꽃을 보았다
주전자꽃|clear|prefix inside a word|큰주전자꽃이 피었다
반짝물고깅|found|decomposed|반짝물고깅
会飞的茶壶|found|inside running text|我看见会飞的茶壶在天上
会飞的茶壶|clear|other words|会飞的鱼和茶壶
土豆侠|either|look-alike Han letter|画一个士豆侠
末日蛋糕|either|look-alike Han letter|画一个未日蛋糕
紫色海象游行|either|traditional letters|紫色海象遊行
月亮奶酪|found|spaces between|月 亮 奶 酪
月亮奶酪|clear|another word between|月亮和奶酪
きらきらぎょん|found|decomposed|これはきらきらぎょんです
きらきらぎょん|either|katakana|これはキラキラギョンです
ゾルベルナック|found|half width|ｿﾞﾙﾍﾞﾙﾅｯｸ
ゾルベルナック|either|hiragana|ぞるべるなっく
ロケットオニギリ|found|Han look-alikes|口ケッ卜オ二ギリ
ムーンチーズパイ|either|other long marks|ム－ンチ―ズパイ
ดอยหมี|clear|another letter (one prototype in UTS #39)|เด็กคอยหมี
ดอยหมี|found|inside running text|เราไปดอยหมีกัน
หัวไชเท้าเต้นรำ|found|sara am in two characters|หัวไชเท้าเต้นรํา
แมวฟองสบู่|found|sara ae as two sara e|เเมวฟองสบู่
"""


def _around() -> Iterator[NearMiss]:
    for text in AROUND_TERMS:
        for pattern, expect, note in AROUND:
            sentence = pattern.replace("{}", text)
            yield NearMiss(sentence, BY_TEXT[text], expect, note)


def _phrases() -> Iterator[NearMiss]:
    for text in PHRASES:
        for glue, expect, note in BETWEEN:
            yield NearMiss(f"1 {text.replace(' ', glue)} 2", BY_TEXT[text], expect, note)
        joined = "".join(word.title() for word in text.split())
        yield NearMiss(f"a {joined} b", BY_TEXT[text], "found", "CamelCase")
        yield NearMiss(f"x{text}", BY_TEXT[text], "clear", "letter joined on before")
        yield NearMiss(f"{text}x", BY_TEXT[text], "clear", "letter joined on after")


def _contexts() -> Iterator[NearMiss]:
    """Yield context terms alone, and with the companion at each distance on either side."""
    for term in TERMS:
        if term.near is None or term.script == "Han":
            continue
        a, b, n = term.text, term.near, term.within
        yield NearMiss(f"1 2 {a} 3 4", term, "clear", "no companion")
        yield NearMiss(f"1 2 {b} 3 4", term, "clear", "companion alone")
        distances: tuple[tuple[int, Expect, str], ...] = (
            (1, "found", "side by side"),
            (n, "found", "exactly n"),
            (n + 1, "clear", "n + 1 (found by a matcher that counts the words between)"),
            (n + 2, "clear", "n + 2"),
            (n + 10, "clear", "far away"),
        )
        for distance, expect, note in distances:
            middle = " ".join(str(i) for i in range(1, distance))
            middle = f" {middle} " if middle else " "
            yield NearMiss(f"0 {a}{middle}{b} 9", term, expect, f"companion after, {note}")
            yield NearMiss(f"0 {b}{middle}{a} 9", term, expect, f"companion before, {note}")
        yield NearMiss(f"{a}, {b}", term, "found", "a comma counts for nothing")
        yield NearMiss(f"{a}\n\n{b}", term, "found", "lines count for nothing")
        yield NearMiss(f"x{a} {b}", term, "clear", "only inside a word")
        yield NearMiss(f"{a} x{b}", term, "clear", "companion only inside a word")
        if b.isascii() and len(b) > 4:
            yield NearMiss(f"{a} {'.'.join(b)}", term, "either", "companion with separators")
            yield NearMiss(f"{a} {b}s", term, "either", "companion in the plural")
    han = BY_TEXT["茶壶"]
    yield NearMiss("一个茶壶在桌上", han, "clear", "no companion")
    yield NearMiss("茶壶潜水艇", han, "found", "side by side")
    yield NearMiss("茶壶和潜水艇", han, "either", "no spaces: what is a word?")
    yield NearMiss("茶壶 甲 乙 丙 丁 潜水艇", han, "clear", "spaced words, n + 2")


def _cases() -> Iterator[NearMiss]:
    for line in CASES.strip().splitlines():
        text, expect, note, sentence = line.split("|")
        yield NearMiss(sentence.replace("\\n", "\n"), BY_TEXT[text], EXPECT[expect], note)


NEAR_MISSES: tuple[NearMiss, ...] = tuple(
    dict.fromkeys((*_around(), *_phrases(), *_contexts(), *_cases()))
)
