"""Make `_static/fonts/kaomoji.woff2`: every glyph a face may need, in one font file.

One file, because browsers choose a font per grapheme cluster and the half-width voicing marks
(U+FF9E, U+FF9F) extend the cluster before them: split over two fonts the pair becomes an empty box.

    apt-get install fonts-noto-core
    npm install @fontsource/noto-sans-jp @fontsource/noto-sans-kr
    python book/make_font.py node_modules/@fontsource

The built font is committed; run this again when a test says that a face is missing from it.
"""

import argparse
import csv
import io
import re
from pathlib import Path

from fontTools import subset
from fontTools.merge import Merger
from fontTools.merge import Options as MergeOptions
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem

BOOK = Path(__file__).resolve().parent
ROOT = BOOK.parent
TARGET = BOOK / "_static" / "fonts" / "kaomoji.woff2"
UNITS_PER_EM = 1000

BLOCKS = [
    (0x0020, 0x007E),
    (0x00A0, 0x017F),
    (0x0250, 0x036F),
    (0x0370, 0x03FF),
    (0x0400, 0x045F),
    (0x0E00, 0x0E5B),
    (0x1D00, 0x1DBF),
    (0x2010, 0x205E),
    (0x2070, 0x209C),
    (0x2190, 0x21FF),
    (0x2500, 0x27BF),
    (0x3000, 0x30FF),
    (0x3131, 0x3163),
    (0xFF01, 0xFF9F),
    (0xFFE0, 0xFFEE),
]

PREFERENCE = """
NotoSans NotoSansSymbols2 NotoSansSymbols NotoSansMath jp kr NotoSansKannada NotoSansCanadianAboriginal
NotoSerifTibetan NotoSansGeorgian NotoSansYi NotoNaskhArabic NotoSansArabic NotoSansThai NotoSansLao NotoSansGurmukhi
NotoSansGujarati NotoSansDevanagari NotoSansBengali NotoSansOriya NotoSansTelugu NotoSansTamil
NotoSansMalayalam NotoSansSinhala NotoSansEthiopic NotoSansRunic NotoSansLisu NotoSansHebrew
NotoSansCherokee NotoSansKhmer NotoSansMyanmar NotoSansTaiTham NotoSansTagalog NotoSansBuginese
NotoSansOgham NotoSansCoptic NotoSansJavanese NotoSansVai NotoSansMeeteiMayek NotoSansTifinagh NotoSansOlChiki
NotoSansArmenian NotoSansSyriac NotoSansThaana NotoSansNKo NotoSansMongolian NotoSansBalinese NotoSansSundanese
""".split()


def wanted_characters():
    """Code points of the blocks above, the character list, and every face in `data/`."""
    points = {point for first, last in BLOCKS for point in range(first, last + 1)}
    points |= {ord(char) for char in (BOOK / "font_characters.txt").read_text(encoding="utf-8")}
    points |= face_characters()
    return {point for point in points if point >= 0x20}


def face_characters():
    """Code points of the faces in the planted tables (an empty set before they exist)."""
    table = ROOT / "data" / "organisms" / "planted.csv"
    if not table.exists():
        return set()
    with table.open(encoding="utf-8", newline="") as file:
        return {
            ord(char)
            for row in csv.DictReader(file)
            for key in ("spelling", "face")
            for char in row.get(key) or ""
        }


def sources(noto, fontsource):
    """Font files in order of preference; a script that is cut into slices gives several."""
    for name in PREFERENCE:
        if len(name) == 2:
            slices = (fontsource / f"noto-sans-{name}" / "files").glob(
                f"noto-sans-{name}-*-400-normal.woff2"
            )
            yield from sorted(
                slices,
                key=lambda path: [int(n) for n in re.findall(r"-(\d+)-400", path.name)] or [-1],
            )
        elif (noto / f"{name}-Regular.ttf").exists():
            yield noto / f"{name}-Regular.ttf"


def cut(path, points):
    """The glyphs of ``points`` from one font, at the common size, as an in-memory font file."""
    options = subset.Options()
    options.layout_features = ["mark", "mkmk"] if path.name.startswith("NotoSans-") else []
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = ["*"]
    options.drop_tables += ["vhea", "vmtx", "BASE", "STAT", "MATH", "DSIG", "meta"]
    font = subset.load_font(str(path), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=points)
    cutter.subset(font)
    font.flavor = None
    scale_upem(font, UNITS_PER_EM)
    if not options.layout_features:
        for table in ("GDEF", "GSUB", "GPOS"):
            if table in font:
                del font[table]
    file = io.BytesIO()
    font.save(file)
    file.seek(0)
    return file


def make(noto, fontsource):
    """Merge the cuts and write the font. Returns the code points that no source has."""
    missing = wanted_characters()
    pieces = []
    for path in sources(noto, fontsource):
        found = missing & set(TTFont(path, lazy=True).getBestCmap())
        if found:
            pieces.append(cut(path, found))
            missing -= found
    font = Merger(MergeOptions(drop_tables=["prep", "fpgm", "cvt "])).merge(pieces)
    for record in font["name"].names:
        if record.nameID in (1, 4, 16):
            record.string = "Kaomoji"
        if record.nameID == 6:
            record.string = "Kaomoji-Regular"
    font["hhea"].ascent, font["hhea"].descent, font["hhea"].lineGap = 1069, -293, 0
    font["OS/2"].sTypoAscender, font["OS/2"].sTypoDescender, font["OS/2"].sTypoLineGap = (
        1069,
        -293,
        0,
    )
    font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = 1069, 293
    font["head"].modified = font["head"].created
    font.flavor = "woff2"
    font.save(TARGET)
    return missing


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fontsource", type=Path, help="the folder node_modules/@fontsource")
    parser.add_argument("--noto", type=Path, default=Path("/usr/share/fonts/truetype/noto"))
    arguments = parser.parse_args()
    left_out = make(arguments.noto, arguments.fontsource)
    print(
        f"{TARGET.name}: {TARGET.stat().st_size / 1000:.0f} kB, {len(left_out)} code points in no source"
    )
    printable = {
        point for point in left_out if not any(first <= point <= last for first, last in BLOCKS)
    }
    print(
        "of the faces:", " ".join(f"U+{point:04X}" for point in sorted(printable)) or "none missing"
    )
