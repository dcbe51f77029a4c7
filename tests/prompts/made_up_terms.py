"""A made-up, harmless term list in eleven scripts for testing a prompt screen.

Every listed word is invented or absurdly harmless. Some short ones are chosen because they are
parts of real place names, surnames and everyday words (the Scunthorpe problem).

`within` counts word positions: "A B" are 1 apart, "A x B" are 2 apart; B may stand on either side.
`is_loose` marks short terms that should also match when written with leet or separators.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["word", "phrase", "prefix"]

BOUNDED_SCRIPTS = frozenset(
    {"Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Hangul"}
)
UNBOUNDED_SCRIPTS = frozenset({"Han", "Hiragana", "Katakana", "Thai"})
KIND_BY_MARK: dict[str, Kind] = {"": "word", "w": "word", "p": "phrase", "*": "prefix"}


@dataclass(frozen=True, slots=True)
class Term:
    """One listed term."""

    id: str
    text: str
    language: str
    script: str
    kind: Kind = "word"
    is_loose: bool = False
    near: str | None = None
    within: int = 0


# One term a line: TEXT | MARK, where MARK is empty (word), "p" (phrase), "*" (prefix),
# "loose" (short, loose word) or "near OTHER N" (needs OTHER within N words).
SOURCES: dict[tuple[str, str], str] = {
    ("en", "Latin"): """
        glimmerfish
        zorbelnak
        quibblewock
        flanterpoof
        mizzlecrank
        snorfleberry
        wumpet
        drindle
        blorf
        bobbadoo
        lollo
        gobbos
        modem
        arsen
        mingham
        therm
        ester
        rench
        lamb
        ept
        zob
        qux | loose
        vorp | loose
        mib
        o'grumble
        kettle-drake
        moon cheese | p
        purple walrus parade | p
        seven lazy otters | p
        frost giant soup | p
        dancing turnip | p
        flimber | *
        knurpsel | *
        splotter | *
        teapot | near submarine 3
        pelican | near trombone 5
        candlestick | near volcano 1
    """,
    ("tr", "Latin"): """
        ışıldakbalık
        fısırgan
        pıtırcıkgil
        İncirlikuşu
        gıdıgıdım
        köpürçük
        şımbılak
        tıngırdoğan
        stan
        anka
        çıv
        vızz | loose
        mor çaydanlık | p
        uçan turşu kavanozu | p
        dans eden patlıcan | p
        turşulav | *
        şişirgeç | *
        patlıcan | near denizaltı 3
    """,
    ("vi", "Latin"): """
        nghuễnh
        choằm
        khuỵp
        trượngvịt
        phưỡngơi
        lấplánhngư
        chuối
        nghễuđao
        vịtbơi
        bừp
        xoẹ | loose
        cá lấp lánh | p
        ấm trà biết bay | p
        bảy con rái cá lười | p
        voi tím nhảy múa | p
        bánhgiòn | *
        ấm trà | near tàu ngầm 4
    """,
    ("de", "Latin"): """
        straßenwumpf
        größling
        fußelknirps
        quietschgurke
        schnörzel
        müffelwuff
        süßknoll
        käsemondling
        burg
        äpfelchenschreck
        ücht
        wupp | loose
        lila walrossparade | p
        sieben faule otter | p
        grüner käsemond | p
        knödelschlumpf | *
        gurkenflüster | *
        gießkanne | near unterseeboot 3
    """,
    ("fi", "Latin"): """
        hyrskynmyrskäjä
        höpsönlöpö
        pöllöhattu | *
        mörkövati | *
        kuplakissa | *
        tanssiva nauris | p
    """,
    ("ru", "Cyrillic"): """
        мерцарыба
        зорбельнак
        квибблок
        пузырдун
        хлюпотряс
        дзынькало
        бурундуколёт
        йогурдыл
        град
        стан
        рост
        ров
        бзы | loose
        сор
        фиолетовый морж | p
        семь ленивых выдр | p
        лунный сыр | p
        чайникол | *
        шлёпоног | *
        самовар | near подлодка 3
    """,
    ("uk", "Cyrillic"): """
        їжакпух
        ґудзикун
        мерехтириба
        єнотопад
        сім лінивих видр | p
        чайникул | *
    """,
    ("el", "Greek"): """
        ψαρολάμπης
        ζορβέλνακ
        μπουρμπουλίδα
        τσαφλουμπός
        φρουφρουλόνι
        γκαγκανιάρης
        αϋπνοχταπόδι
        νίκη
        ρόδο
        ζοβ
        φλου | loose
        μωβ θαλάσσιος ίππος | p
        επτά τεμπέλικες βίδρες | p
        φεγγαρίσιο τυρί | p
        τσαγιερουλ | *
        κολοκυθομπ | *
        τσαγιέρα | near υποβρύχιο 3
    """,
    ("ar", "Arabic"): """
        سمكلمعون
        زوربلناك
        فقاعوشة
        كركورنب
        طنطونيش
        أرنبوط
        إبريقون
        آلتيفاء
        يمامكوك
        موز
        تين
        دار
        بظب | loose
        سلحفاة ترقص | p
        قطار من الجبن | p
        سبعة ثعالب كسولة | p
        مكركرن | *
        شوشكلت | *
        إبريق | near غواصة 3
    """,
    ("he", "Hebrew"): """
        דגנצנץ
        זורבלנק
        בועטוטון
        קשקשיים
        פלפלוף
        ברבורעם
        צפצפנץ
        מקלחתיך
        תפוזלון
        ים
        דג
        זבח | loose
        קומקום מעופף | p
        שבע לוטרות עצלות | p
        גבינת ירח | p
        גבינושק | *
        ציפרדופ | *
        קומקום | near צוללת 3
    """,
    ("hi", "Devanagari"): """
        चमकमछली
        ज़ोरबेलनाक
        फुलफुलिया
        टिमटिमघोंघा
        झुनझुनकद्दू
        गुड़गुड़ासुर
        क्षत्रपंखू
        श्रृंगालू
        पुर
        गढ़
        आम
        झपू | loose
        बैंगनी हाथी परेड | p
        उड़ता हुआ समोसा | p
        सात आलसी ऊदबिलाव | p
        समोसाव | *
        खिचड़ीनृत | *
        समोसा | near पनडुब्बी 3
    """,
    ("ko", "Hangul"): """
        반짝물고깅
        조르벨낙
        푸르딩콩
        쫑알감잣
        뽀글뭉어
        덜컹삵과
        오리
        감자
        산
        쀍 | loose
        달빛 치즈 | p
        게으른 수달 일곱 마리 | p
        춤추는 순무 | p
        주전자꽃 | *
        뽀글머릿 | *
        도토리묵춤 | *
        주전자 | near 잠수함 3
    """,
    ("zh", "Han"): """
        闪光鱼怪
        佐贝纳克
        泡泡龙虾侠
        会飞的茶壶
        紫色海象游行
        七只懒水獭
        月亮奶酪
        跳舞的萝卜
        霜巨人汤
        土豆侠
        末日蛋糕
        咕噜茄
        冬瓜骑士
        喷嚏云
        閃電豆腐龜
        茶壶 | near 潜水艇 3
    """,
    ("ja", "Hiragana"): """
        きらきらぎょん
        ぞるべるなく
        ぷくぷくだこ
        ほわほわくじらん
        もちもちりゅう
        ねむねむかわうそ
        ぽよだま
        つきのちーず
        おどるかぶら
        ぱぴぷぺぽん
        ゆきだるまじる
        ぎゅうにゅうおばけ
        ふわもこざえもん
        ぶどうがっぱ
        へなちょこだいこん
    """,
    ("ja", "Katakana"): """
        ゾルベルナック
        キラリンギョ
        プクプクダコン
        フワモコペンギーヌ
        ムーンチーズパイ
        ダンシングカブラ
        ニンニンニンジン
        ポヨポヨスライミー
        ロケットオニギリ
        ヴァイオリンカバ
        チョコバナーナー
        エビカニタロウ
        パフェドラゴン
        ムラサキセイウチン
        カワウソナナヒキ
    """,
    ("th", "Thai"): """
        ปลาวิบวับ
        ซอร์เบลนัก
        กาน้ำชาบินได้
        แมวฟองสบู่
        ช้างม่วงเดินพาเหรด
        นากขี้เกียจเจ็ดตัว
        ชีสพระจันทร์
        หัวไชเท้าเต้นรำ
        ซุปยักษ์น้ำแข็ง
        ดอยหมี
        ฟักทองจ๋อย
        กุ๊กกิ๊กกุ้ง
        ปู่ปลาปี๊บ
        ต้มยำจักรวาล
        ข้าวเหนียวอวกาศ
    """,
}


def _parse(number: int, line: str, language: str, script: str) -> Term:
    """Read one line of SOURCES."""
    text, _, mark = (part.strip() for part in line.partition("|"))
    term_id = f"{language}-{script[:4].lower()}-{number:02d}"
    if mark == "loose":
        return Term(term_id, text, language, script, is_loose=True)
    if mark.startswith("near "):
        near, _, within = mark.removeprefix("near ").rpartition(" ")
        kind: Kind = "phrase" if " " in text else "word"
        return Term(term_id, text, language, script, kind, near=near, within=int(within))
    return Term(term_id, text, language, script, KIND_BY_MARK[mark])


def _build() -> tuple[Term, ...]:
    """Read all of SOURCES."""
    return tuple(
        _parse(number, line, language, script)
        for (language, script), source in SOURCES.items()
        for number, line in enumerate(filter(None, map(str.strip, source.splitlines())), start=1)
    )


TERMS: tuple[Term, ...] = _build()
BY_ID: dict[str, Term] = {term.id: term for term in TERMS}
BY_TEXT: dict[str, Term] = {term.text: term for term in TERMS}
