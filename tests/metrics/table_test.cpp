#include "limpid/metrics/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace limpid {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

TEST(FormatNumber, RoundsAndDropsTheLeadingZeroOnRequest) {
  EXPECT_EQ(format_number(0.3125, 3), "0.312");
  EXPECT_EQ(format_number(0.3126, 3, false), ".313");
  EXPECT_EQ(format_number(-0.04, 2, false), "-.04");
  EXPECT_EQ(format_number(-0.001, 2), "0.00");  // no minus in front of nothing
  EXPECT_EQ(format_number(12.0, 0, false), "12");
  EXPECT_EQ(format_number(0.2, 0, false), "0");
  EXPECT_EQ(format_number(kNone, 3), "-");
  EXPECT_EQ(format_number(1e308, 2).size(), 312u);
}

TEST(FormatInterval, ShowsTheEndsInBrackets) {
  EXPECT_EQ(format_interval(0.312, {0.281, 0.344}, 3), ".312 [.281, .344]");
  EXPECT_EQ(format_interval(18.5, {17.25, 20}, 1, true), "18.5 [17.2, 20.0]");
  EXPECT_EQ(format_interval(0.5, {kNone, kNone}, 2), ".50");
  EXPECT_EQ(format_interval(kNone, {0, 1}, 2), "-");
}

TEST(Table, AlignsNumbersOnTheRightAndNamesOnTheLeft) {
  Table table;
  table.column("method", Table::Align::kLeft).column("EMT").column("PPL");
  table.row({"plain", ".535", "18.5"}).row({"fusion, a = .5", ".488", "9.9"});
  EXPECT_EQ(table.to_markdown(),
            "| method         |  EMT |  PPL |\n"
            "| :------------- | ---: | ---: |\n"
            "| plain          | .535 | 18.5 |\n"
            "| fusion, a = .5 | .488 |  9.9 |\n");
}

TEST(Table, PadsByWhatIsSeenNotByBytes) {
  Table table;
  table.column("n", Table::Align::kLeft).column("x");
  table.row({"größer", "1"}).row({"漢字", "2"}).row({"e\xCC\x81", "3"});
  const std::string text = table.to_markdown();
  EXPECT_NE(text.find("| größer |   1 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| 漢字   |   2 |"), std::string::npos) << text;
  EXPECT_NE(text.find("| e\xCC\x81      |   3 |"), std::string::npos) << text;
}

TEST(Table, KeepsItsShapeWhateverACellHolds) {
  Table table;
  table.column("text", Table::Align::kLeft).row({"a|b\nc"}).row({"\xFF\xE2\x82"});
  EXPECT_NE(table.to_markdown().find("| a\\|b c |"), std::string::npos);
  EXPECT_THROW(table.row({"one", "too many"}), ShapeError);
  EXPECT_THROW(table.row({"one"}, {1, 2}), ShapeError);
  EXPECT_THROW(table.column("late"), ShapeError);
}

TEST(Table, GivesTheSameRowsAsJson) {
  Table table;
  table.column("Method", Table::Align::kLeft, "method").column("EMT", Table::Align::kRight, "emt").column("note");
  table.row({"plain", ".535", "x"}, {"plain", 0.5351, nullptr}).row({"b", "-", "y"});
  EXPECT_EQ(table.to_json(), parse_json(R"([{"method": "plain", "emt": 0.5351, "note": null},
                                            {"method": "b", "emt": "-", "note": "y"}])",
                                        "test"));
}

TEST(Table, WithoutRowsIsItsHeader) {
  Table table;
  table.column("EMT");
  EXPECT_EQ(table.to_markdown(), "| EMT |\n| --: |\n");
  EXPECT_EQ(table.to_json(), Json::array());
}

}  // namespace
}  // namespace limpid
