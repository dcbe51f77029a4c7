"""Tables of look-alikes and invisible characters for obfuscations.py (made by hand)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def characters(*items: int | range) -> str:
    """Return the characters of code points and ranges."""
    return "".join(
        "".join(map(chr, item)) if isinstance(item, range) else chr(item) for item in items
    )


def table(rows: str) -> dict[str, str]:
    """Read "a:xyz b:uv" as {"a": "xyz", "b": "uv"}."""
    return {row[0]: row[2:] for row in rows.split()}


# --- Invisible characters -----------------------------------------------------------------------
INVISIBLE: dict[str, str] = {
    "zero_width": characters(0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF),
    "soft_hyphen": characters(0x00AD),
    "variation_selectors": characters(range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0)),
    "tag_characters": characters(0xE0001, range(0xE0020, 0xE0080)),
    "grapheme_joiner": characters(0x034F),
    "hangul_fillers": characters(0x115F, 0x1160, 0x3164, 0xFFA0),
    "bidi_marks": characters(0x200E, 0x200F, 0x061C),
    "bidi_controls": characters(range(0x202A, 0x202F), range(0x2066, 0x206A)),
    "mongolian": characters(range(0x180B, 0x1810)),
    "invisible_operators": characters(range(0x2061, 0x2065)),
    "deprecated_format": characters(range(0x206A, 0x2070)),
    "khmer_inherent": characters(0x17B4, 0x17B5),
    "music_shorthand": characters(range(0x1D173, 0x1D17B), range(0x1BCA0, 0x1BCA4)),
}
# Format characters (Cf) that are NOT default-ignorable.
INVISIBLE_OPTIONAL: dict[str, str] = {
    "annotation_marks": characters(range(0xFFF9, 0xFFFC)),
    "control_characters": characters(0x0001, 0x0008, 0x007F, 0x0085),
}

# --- Styled Latin letters (offsets from A and a; holes follow) -----------------------------------
STYLES: dict[str, tuple[int | None, int | None]] = {
    "full_width": (0xFF21, 0xFF41),
    "math_bold": (0x1D400, 0x1D41A),
    "math_italic": (0x1D434, 0x1D44E),
    "math_bold_italic": (0x1D468, 0x1D482),
    "math_script": (0x1D49C, 0x1D4B6),
    "math_bold_script": (0x1D4D0, 0x1D4EA),
    "math_fraktur": (0x1D504, 0x1D51E),
    "math_double_struck": (0x1D538, 0x1D552),
    "math_bold_fraktur": (0x1D56C, 0x1D586),
    "math_sans": (0x1D5A0, 0x1D5BA),
    "math_sans_bold": (0x1D5D4, 0x1D5EE),
    "math_sans_italic": (0x1D608, 0x1D622),
    "math_monospace": (0x1D670, 0x1D68A),
    "circled": (0x24B6, 0x24D0),
    "squared": (0x1F130, None),
}
# No NFKC mapping and no row in confusables.txt, or one of several letters.
STYLES_OPTIONAL: dict[str, tuple[int | None, int | None]] = {
    "negative_circled": (0x1F150, None),
    "negative_squared": (0x1F170, None),
    "regional_indicators": (0x1F1E6, None),
    "parenthesised": (None, 0x249C),
}
STYLE_HOLES: dict[int, str] = {
    0x1D455: "ℎ", 0x1D49D: "ℬ", 0x1D4A0: "ℰ", 0x1D4A1: "ℱ", 0x1D4A3: "ℋ", 0x1D4A4: "ℐ",
    0x1D4A7: "ℒ", 0x1D4A8: "ℳ", 0x1D4AD: "ℛ", 0x1D4BA: "ℯ", 0x1D4BC: "ℊ", 0x1D4C4: "ℴ",
    0x1D506: "ℭ", 0x1D50B: "ℌ", 0x1D50C: "ℑ", 0x1D515: "ℜ", 0x1D51D: "ℨ",
    0x1D53A: "ℂ", 0x1D53F: "ℍ", 0x1D545: "ℕ", 0x1D547: "ℙ", 0x1D548: "ℚ", 0x1D549: "ℝ",
    0x1D551: "ℤ",
}  # fmt: skip
SUPERSCRIPT = table(
    "a:ᵃ b:ᵇ c:ᶜ d:ᵈ e:ᵉ f:ᶠ g:ᵍ h:ʰ i:ⁱ j:ʲ k:ᵏ l:ˡ m:ᵐ "
    "n:ⁿ o:ᵒ p:ᵖ r:ʳ s:ˢ t:ᵗ u:ᵘ v:ᵛ w:ʷ x:ˣ y:ʸ z:ᶻ"
)
SMALL_CAPITALS = table("c:ᴄ i:ɪ o:ᴏ s:ꜱ u:ᴜ v:ᴠ w:ᴡ y:ʏ z:ᴢ")
SMALL_CAPITALS_OPTIONAL = table("a:ᴀ b:ʙ d:ᴅ e:ᴇ f:ꜰ g:ɢ h:ʜ j:ᴊ k:ᴋ l:ʟ m:ᴍ n:ɴ p:ᴘ q:ǫ r:ʀ t:ᴛ")

# --- Look-alikes of other scripts (one prototype in UTS #39 18.0.0; check.py verifies) -----------
CYRILLIC_FOR_LATIN = table(
    "a:а b:Ь c:сᲃ d:ԁ e:еҽ g:ց h:һҺ i:іꙇ j:ј l:ӏӀІ o:оᲂ p:р q:ԛ r:г s:ѕ u:ս v:ѵ w:ѡшԝ x:х y:уү"
)
CYRILLIC_FOR_LATIN_CAPITALS = table(
    "A:А B:В C:С E:Е G:Ԍ H:Н J:Ј K:К M:М O:О P:Р Q:Ԛ S:Ѕ T:Т V:Ѵ W:Ԝ X:Х Y:УҮ"
)
GREEK_FOR_LATIN = table("a:α i:ι j:ϳ l:Ι o:οσϭ p:ρϱ u:υ v:ν w:ⲽ y:γ r:ᴦ")
GREEK_FOR_LATIN_CAPITALS = table("A:Α B:Β E:Ε F:Ϝ H:Η J:Ϳ K:Κ M:Μ N:Ν O:Ο P:Ρ T:Τ X:Χ Y:Υϒ Z:Ζ")
# NFKC makes a final sigma of these before any table of look-alikes sees them.
LOST_BY_NFKC = table("c:ϲ C:Ϲ с:ϲ С:Ϲ")
ARMENIAN_FOR_LATIN = table("f:ք g:ց h:հ i:ւ j:յ n:ոռ o:օ q:գզ u:ս w:ա O:Օ S:Տ U:Ս")
CHEROKEE_FOR_LATIN = table(
    "b:Ꮟ c:ꮯ d:Ꮷ h:Ꮒ i:Ꭵ r:ꮁ s:ꮪ v:ꮩ w:ꮃ z:ꮓ A:Ꭺ B:Ᏼ C:Ꮯ D:Ꭰ E:Ꭼ G:Ꮐ H:Ꮋ J:Ꭻ K:Ꮶ L:Ꮮ M:Ꮇ "
    "P:Ꮲ R:ᎡᏒ S:ᏕᏚ T:Ꭲ V:Ꮩ W:Ꮃ Y:Ꭹ Z:Ꮓ"
)
LATIN_LOOKALIKES = table("a:ɑ b:Ƅ f:ꬵƒ g:ɡᶃ i:ıɩ j:ȷ l:IƖǀ o:ᴏᴑ p:ƿ r:ꭇ s:ƽ u:ʋꭎ w:ɯꟺ y:ɣỿ z:ⱬ")
LATIN_FOR_CYRILLIC = table(
    "а:aɑ с:c е:e һ:h і:i ј:j о:o р:p г:r ѕ:s у:y х:x к:ĸ ш:w А:A В:B С:C Е:E Н:H К:K М:M О:O "
    "Р:P Т:T Х:X У:Y"
)
LATIN_FOR_GREEK = table(
    "α:aɑ ι:iı κ:ĸ ν:v ο:o ρ:p υ:u γ:yɣ σ:o Α:A Β:B Ε:E Η:H Ι:l Κ:K Μ:M Ν:N Ο:O Ρ:P Τ:T Υ:Y Χ:X Ζ:Z"
)
CYRILLIC_FOR_GREEK = table("α:а ι:і κ:к ν:ѵ ο:о ρ:р τ:т Α:А Β:В Ε:Е Η:Н Κ:К Μ:М Ο:О Ρ:Р Τ:Т Χ:Х")
GREEK_FOR_CYRILLIC = table("а:α і:ι о:ο р:ρ к:κ т:τ А:Α В:Β Е:Ε Н:Η К:Κ М:Μ О:Ο Р:Ρ Т:Τ Х:Χ")
HAN_FOR_KATAKANA = table(
    "カ:力 ロ:口 ニ:二 エ:工 ト:卜 タ:夕 ハ:八 ヒ:匕 ム:厶 ー:一 へ:ヘ ヘ:へ ノ:/"
)
ARABIC_YEH_KAF = table("ي:یى ك:ک ه:ہھ")
# ASCII only: capital I and | for l, 0 for O, l and 1 for one another, rn for m.
ASCII_LOOKALIKES = table("l:I|1 o:0 O:0 I:l1|")
ASCII_MULTIPLE = table("m:rn w:vv d:cl")

# --- Leet ---------------------------------------------------------------------------------------
LEET = table("a:4@ b:8 e:3€ g:96 i:1!| l:1| o:0 s:5$ t:7+")
LEET_OPTIONAL = table("z:2 c:(< h:# x:% k:|< n:|\\| v:\\/ w:\\/\\/ d:|) j:_| y:¥ q:9 p:|° u:|_|")
LEET_CYRILLIC = table("о:0 з:3 ч:4 б:6 в:8 а:@4 е:3 т:7 і:1!")
LEET_GREEK = table("ο:0 ε:3 α:@4 ι:1! β:8 τ:7")

# --- Separators ---------------------------------------------------------------------------------
SEPARATORS: dict[str, tuple[str, ...]] = {
    "dots": (".",),
    "spaces": (" ",),
    "hyphens": ("-",),
    "underscores": ("_",),
    "asterisks": ("*",),
    "slashes": ("/",),
    "mixed": (".", "-", "_", " ", "*", "/", "\\", "~", ",", "·"),
    "multiple": ("...", "--", "   ", " - ", "_._", "***", "//"),
    "newlines": ("\n", "\r\n", " \n", "\t"),
    "unicode_spaces": ("\u00a0", "\u2003", "\u2009", "\u202f", "\u3000"),
    "unicode_dashes": ("\u2010", "\u2011", "\u2013", "\u2014", "\u2212"),
    "middle_dots": ("·", "•", "‧", "・", "∙"),
}
SEPARATORS_OPTIONAL: dict[str, tuple[str, ...]] = {
    "brackets": (")(", "][", "|", "}{"),
    "emoji": ("👏", "✨", "🔥"),
    "quotes": ("'", '"', "`", "’"),
}

# --- Marks --------------------------------------------------------------------------------------
ZALGO = characters(range(0x0300, 0x0345), range(0x0346, 0x034F), range(0x0350, 0x0370))
HEBREW_POINTS = characters(range(0x05B0, 0x05BD), 0x05BF)
ARABIC_HARAKAT = characters(range(0x064B, 0x0653), 0x0670)
HEBREW_FINALS = table("כ:ך מ:ם נ:ן פ:ף צ:ץ ך:כ ם:מ ן:נ ף:פ ץ:צ")
HEBREW_WIDE = table("א:ﬡ ד:ﬢ ה:ﬣ כ:ﬤ ל:ﬥ ם:ﬦ ר:ﬧ ת:ﬨ")
ALEF_FORMS = table("ا:أإآٱ أ:اإ إ:اأ آ:اأ")
TURKISH_ASCII = table("ı:i ş:s ğ:g ç:c ö:o ü:u İ:I Ş:S Ğ:G Ç:C Ö:O Ü:U")


def arabic_forms() -> dict[str, str]:
    """Return the presentation forms (initial, medial, final, isolated) of each Arabic letter."""
    forms: dict[str, str] = {}
    for point in (*range(0xFB50, 0xFBB2), *range(0xFE80, 0xFEF5)):
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and parts[0].startswith("<"):
            letter = chr(int(parts[1], 16))
            forms[letter] = forms.get(letter, "") + chr(point)
    return forms


def by_nfkc(points: Iterable[int]) -> dict[str, str]:
    """Return for each character those of `points` whose NFKC is that one character."""
    found: dict[str, str] = {}
    for character in map(chr, points):
        plain = unicodedata.normalize("NFKC", character)
        if len(plain) == 1 and plain != character:
            found[plain] = found.get(plain, "") + character
    return found


ARABIC_FORMS = arabic_forms()
HAN_COMPATIBILITY = by_nfkc((*range(0x2F00, 0x2FD6), *range(0xF900, 0xFA6E)))
HALF_WIDTH_KATAKANA = by_nfkc(range(0xFF65, 0xFFA0))
MATH_GREEK = by_nfkc(range(0x1D6A8, 0x1D7CC))
