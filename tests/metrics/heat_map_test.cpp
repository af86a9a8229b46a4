#include "limpid/metrics/plots/heat_map.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/checkpoints/safetensors.h"
#include "limpid/core/error.h"
#include "limpid/core/json.h"
#include "limpid/metrics/plots/detoxifier_report.h"
#include "tests/support/fixtures.h"

namespace limpid {
namespace {

using testing_support::TempDir;

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

HeatMap small_map() {
  HeatMap map;
  map.row_name = "layer", map.column_name = "head", map.value_name = "accuracy";
  map.rows = 2, map.columns = 3;
  map.values = {0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
  map.low = 0.5;
  return map;
}

TEST(HeatColour, GoesFromPaleToDarkAndStopsAtTheEnds) {
  EXPECT_EQ(heat_colour(0.0), "#ffffd9");
  EXPECT_EQ(heat_colour(1.0), "#081d58");
  EXPECT_EQ(heat_colour(0.5), "#41b6c4");
  EXPECT_EQ(heat_colour(-3.0), heat_colour(0.0));
  EXPECT_EQ(heat_colour(7.0), heat_colour(1.0));
  double last = 1e9;  // it must be read in grey, too
  for (int i = 0; i <= 32; ++i) {
    const std::string colour = heat_colour(i / 32.0);
    const auto part = [&](size_t at) { return double(std::stoi(colour.substr(at, 2), nullptr, 16)); };
    const double grey = 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5);
    EXPECT_LT(grey, last);
    last = grey;
  }
}

TEST(HeatMap, HasACellWithATooltipForEachValueAndALegend) {
  const std::string svg = heat_map_svg(small_map());
  EXPECT_TRUE(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_EQ(count(svg, "<title>"), 6u);
  EXPECT_NE(svg.find("<title>layer 1, head 0: 0.800</title>"), std::string::npos);
  EXPECT_NE(svg.find("fill=\"#ffffd9\"><title>layer 0, head 0: 0.500"), std::string::npos);
  EXPECT_NE(svg.find("fill=\"#081d58\"><title>layer 1, head 2: 1.000"), std::string::npos);
  for (const char* number : {">0.5<", ">0.6<", ">0.7<", ">0.8<", ">0.9<", ">1<"})
    EXPECT_NE(svg.find(number), std::string::npos) << number;
}

TEST(HeatMap, LabelsAreThinnedWhereCellsAreSmall) {
  HeatMap map = small_map();
  map.rows = 80, map.columns = 64;
  map.values.assign(80 * 64, 0.75);
  const std::string svg = heat_map_svg(map);
  EXPECT_NE(svg.find(">75</text>"), std::string::npos);
  EXPECT_EQ(svg.find(">76</text>"), std::string::npos);
}

TEST(HeatMap, WhatIsNotANumberIsGreyAndWhatDoesNotFitIsRefused) {
  HeatMap map = small_map();
  map.values[0] = std::nan("");
  EXPECT_NE(heat_map_svg(map).find("fill=\"#ccc\"><title>layer 0, head 0: -</title>"), std::string::npos);
  map.values.pop_back();
  EXPECT_THROW(heat_map_svg(map), ShapeError);
  map = small_map();
  map.high = 0.5;
  EXPECT_THROW(heat_map_svg(map), ConfigError);
  EXPECT_THROW(heat_map_svg({}), ShapeError);
}

TEST(HeatMap, TextFromAFileCannotLeaveItsPlace) {
  HeatMap map = small_map();
  map.title = "<script>&\"";
  const std::string svg = heat_map_svg(map);
  EXPECT_EQ(svg.find("<script>"), std::string::npos);
  EXPECT_NE(svg.find("&lt;script&gt;&amp;&quot;"), std::string::npos);
}

fs::path write_detoxifier_like(const TempDir& folder, bool with_accuracy) {
  static const std::vector<float> values = {0.5f, 0.6f, 0.7f, 0.95f};
  const Json target = {
      {"architecture", "llama"}, {"hidden_size", 4}, {"layers", 2}, {"vocab_size", 9}, {"vocab_sha256", ""}};
  const Json curve = {{{"ratio", 0.5}, {"strength", 2}, {"inner", {{"x", 1}}}}};
  const Json about = {{"format", 1},
                      {"method", "destein"},
                      {"target", target},
                      {"settings", {{"rule", "preserve"}, {"pairs", {{"count", 20}}}, {"curve", curve}}},
                      {"default_strength", 0.2},
                      {"strength_meaning", "a <b>"},
                      {"needs", Json::array()},
                      {"provenance", {{"tool", "limpid"}}}};
  std::vector<TensorView> tensors;
  if (with_accuracy) tensors.push_back({"accuracy", DType::F32, {2, 2}, std::as_bytes(std::span(values))});
  const fs::path path = folder.path() / "f.detox.safetensors";
  write_safetensors(path, tensors, {{"limpid", to_text(about)}});
  return path;
}

TEST(DetoxifierReport, IsAPageWithTheFactsAndTheHeatMapOfTheProbes) {
  const TempDir folder;
  const fs::path file = write_detoxifier_like(folder, true);
  const std::string page = detoxifier_report(file);
  for (const char* part :
       {"<h1>f.detox.safetensors</h1>", "<td>method</td><td>destein</td>", "<td>pairs count</td><td>20</td>",
        "<td>curve</td><td>ratio 0.5, strength 2</td>", "<td>hidden_size</td><td>4</td>", "a &lt;b&gt;",
        "<td>accuracy</td><td>F32 [2,2]</td>", "layer 1, head 1: 0.950", "best 0.950 (layer 1, head 1)"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  write_detoxifier_report(file, folder.path() / "map.svg");
  EXPECT_TRUE(read_file(folder.path() / "map.svg").starts_with("<svg"));
  EXPECT_THROW(write_detoxifier_report(file, folder.path() / "map.png"), ConfigError);
}

TEST(DetoxifierReport, AFileWithoutProbesHasAPageButNoHeatMap) {
  const TempDir folder;
  const fs::path file = write_detoxifier_like(folder, false);
  EXPECT_EQ(detoxifier_report(file).find("<svg"), std::string::npos);
  EXPECT_THROW(probe_heat_map(file), FormatError);
  EXPECT_THROW(detoxifier_report(folder.write("a.json", "{}")), FormatError);
}

}  // namespace
}  // namespace limpid
