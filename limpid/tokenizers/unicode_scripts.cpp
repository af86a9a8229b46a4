#include "limpid/tokenizers/unicode_scripts.h"

namespace limpid {

namespace {

// The scripts of Unicode that PCRE2 knows by these names; Han is written out below.
constexpr std::string_view kScripts[] = {"Latin",
                                         "Common",
                                         "Cyrillic",
                                         "Greek",
                                         "Arabic",
                                         "Hangul",
                                         "Hebrew",
                                         "Devanagari",
                                         "Thai",
                                         "Inherited",
                                         "Bengali",
                                         "Tamil",
                                         "Telugu",
                                         "Armenian",
                                         "Georgian",
                                         "Ethiopic",
                                         "Khmer",
                                         "Lao",
                                         "Myanmar",
                                         "Tibetan",
                                         "Sinhala",
                                         "Gujarati",
                                         "Gurmukhi",
                                         "Kannada",
                                         "Malayalam",
                                         "Oriya",
                                         "Mongolian",
                                         "Bopomofo",
                                         "Syriac",
                                         "Thaana",
                                         "Nko",
                                         "Samaritan",
                                         "Mandaic",
                                         "Cherokee",
                                         "Runic",
                                         "Ogham",
                                         "Tagalog",
                                         "Hanunoo",
                                         "Buhid",
                                         "Tagbanwa",
                                         "Limbu",
                                         "Tai_Le",
                                         "New_Tai_Lue",
                                         "Buginese",
                                         "Tai_Tham",
                                         "Balinese",
                                         "Sundanese",
                                         "Batak",
                                         "Lepcha",
                                         "Ol_Chiki",
                                         "Glagolitic",
                                         "Coptic",
                                         "Tifinagh",
                                         "Yi",
                                         "Lisu",
                                         "Vai",
                                         "Bamum",
                                         "Syloti_Nagri",
                                         "Phags_Pa",
                                         "Saurashtra",
                                         "Kayah_Li",
                                         "Rejang",
                                         "Javanese",
                                         "Cham",
                                         "Tai_Viet",
                                         "Meetei_Mayek",
                                         "Canadian_Aboriginal",
                                         "Braille",
                                         "Gothic",
                                         "Deseret",
                                         "Shavian",
                                         "Osmanya",
                                         "Cuneiform",
                                         "Egyptian_Hieroglyphs",
                                         "Linear_A",
                                         "Linear_B",
                                         "Cypriot",
                                         "Old_Italic",
                                         "Old_Persian",
                                         "Phoenician",
                                         "Imperial_Aramaic",
                                         "Ugaritic",
                                         "Avestan",
                                         "Brahmi",
                                         "Kaithi",
                                         "Chakma",
                                         "Takri",
                                         "Miao"};

std::string of_script(const std::string& characters) { return "|[" + characters + "][" + characters + " ]*"; }

std::string expression() {
  std::string alternatives = of_script("\\p{sc:Han}\\p{sc:Hiragana}\\p{sc:Katakana}\\x{30FC}").substr(1);
  std::string named = "\\p{sc:Han}\\p{sc:Hiragana}\\p{sc:Katakana}\\x{30FC}";
  for (std::string_view script : kScripts) {
    const std::string characters = "\\p{sc:" + std::string(script) + "}";
    alternatives += of_script(characters);
    named += characters;
  }
  return "(?! )(?:" + alternatives + "|[^" + named + "]+)";
}

}  // namespace

SplitStage unicode_scripts_split() {
  static const Regex regex(expression(), "UnicodeScripts");
  SplitStage stage;
  stage.regex = regex;
  stage.invert = true;
  stage.behavior = SplitStage::Behavior::kRemoved;
  return stage;
}

}  // namespace limpid
