#include "limpid/metrics/page.h"

#include <gtest/gtest.h>

namespace limpid {
namespace {

TEST(Page, EscapesWhatHtmlWouldReadAndKeepsLines) {
  EXPECT_EQ(page::escape("a <b>\n& \"c\"\t\x01"), "a &lt;b&gt;\n&amp; &quot;c&quot;  ");
  EXPECT_EQ(page::escape(""), "");
  EXPECT_EQ(page::escape("\n"), "\n");
  EXPECT_EQ(page::heading(2, "x < y"), "<h2>x &lt; y</h2>\n");
}

TEST(Page, ATableKeepsItsColumnsAndSides) {
  Table table;
  table.column("name", Table::Align::kLeft).column("n");
  table.row({"<a>", "1"});
  EXPECT_EQ(page::table(table),
            "<div class=\"scroll\"><table>\n<tr><th>name</th><th class=\"right\">n</th></tr>\n"
            "<tr><td>&lt;a&gt;</td><td class=\"right\">1</td></tr>\n</table>\n</div>\n");
}

TEST(Page, TextsStandBesideEachOtherWithWhatTheyShareMarked) {
  const std::string html = page::side_by_side("p", {{"A", "one two", 4}, {"B", "one & only", 4}});
  EXPECT_NE(html.find("<b>B</b><div class=\"text\"><span class=\"same\">one </span>&amp; only</div>"),
            std::string::npos)
      << html;
}

TEST(Page, IsWholeAndNeedsNothingElse) {
  const std::string html = page::document("t & u", "<p>x</p>");
  EXPECT_TRUE(html.starts_with("<!doctype html>"));
  EXPECT_NE(html.find("<title>t &amp; u</title>"), std::string::npos);
  for (const char* other : {"<script", "http:", "https:", "url(", "@import"})
    EXPECT_EQ(html.find(other), std::string::npos) << other;
  EXPECT_NE(html.find("prefers-color-scheme:dark"), std::string::npos);
}

}  // namespace
}  // namespace limpid
