#include "limpid/metrics/plots/curve.h"

#include <gtest/gtest.h>

#include <cmath>

#include "limpid/core/error.h"
#include "limpid/metrics/plots/toxicity_curve.h"

namespace limpid {
namespace {

size_t count(const std::string& text, const std::string& part) {
  size_t times = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++times;
  return times;
}

Curve small_curve() {
  Curve curve;
  curve.title = "toy", curve.x_name = "perplexity", curve.y_name = "EMT";
  curve.reference = CurvePoint{1.0, 0.5, Interval{0.4, 0.6}, "plain"};
  curve.series = {{"steering", {{1.0, 0.4, {}, "0.1"}, {2.0, 0.2, Interval{0.1, 0.3}, "0.4"}}},
                  {"alone", {{4.0, 0.3, {}, ""}}}};
  return curve;
}

TEST(Curve, ALineForEachSeriesOfSeveralPointsAndAMarkerForEachPoint) {
  const std::string svg = curve_svg(small_curve());
  EXPECT_EQ(count(svg, "<polyline"), 1u);
  EXPECT_EQ(count(svg, "<title>"), 4u);           // three points and plain; markers of the legend have none
  EXPECT_EQ(count(svg, "opacity=\"0.45\""), 2u);  // whiskers where there is an interval
  EXPECT_NE(svg.find("<title>steering 0.4: perplexity 2, EMT 0.200 [0.100, 0.300]</title>"), std::string::npos);
  EXPECT_NE(svg.find("width=\"800\""), std::string::npos);
}

TEST(Curve, XIsLogarithmic) {
  Curve curve = small_curve();
  curve.series = {{"s", {{1.0, 0.5, {}, ""}, {2.0, 0.5, {}, ""}, {4.0, 0.5, {}, ""}}}};
  const std::string svg = curve_svg(curve);
  const std::string points = svg.substr(svg.find("points=\"") + 8);
  const std::string after_one = points.substr(points.find(' ') + 1),
                    after_two = after_one.substr(after_one.find(' ') + 1);
  const double first = std::stod(points), second = std::stod(after_one), third = std::stod(after_two);
  EXPECT_NEAR(second - first, third - second, 0.02);
  EXPECT_LT(first, second);
}

TEST(Curve, PointsThatAreNoNumbersAreLeftOut) {
  Curve curve = small_curve();
  curve.series = {
      {"s", {{std::nan(""), 0.5, {}, ""}, {0.0, 0.5, {}, ""}, {INFINITY, 0.5, {}, ""}, {1.0, std::nan(""), {}, ""}}}};
  curve.reference.reset();
  const std::string svg = curve_svg(curve);
  EXPECT_EQ(count(svg, "<title>"), 0u);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
}

Json setting(const std::string& name, Json strength, double ppl, double emt) {
  return {{"name", name},
          {"strength", strength},
          {"metrics", {{"ppl", ppl}, {"emt", {{"value", emt}, {"bootstrap_95", {emt - 0.1, emt + 0.1}}}}}}};
}

EvaluationReport report(const std::string& source, Json settings) {
  return {source,
          {{"model", "toy"},
           {"prompts", 4},
           {"samples", 3},
           {"tokens", 20},
           {"scorer", {{"name", "s"}}},
           {"provenance", {{"prompts_sha256", "ab"}}},
           {"settings", settings}}};
}

TEST(ToxicityCurve, StrengthsOfOneDetoxifierAreALineInTheirOrder) {
  const Json settings = {setting("plain", 0.0, 20, 0.5), setting("f-norm-0.4", 0.4f, 30, 0.3),
                         setting("f-norm-0.2", 0.2f, 22, 0.4), setting("g-linear-2", 2, 40, 0.1),
                         setting("f-norm-0.2+g-linear-2", {0.2f, 2.0f}, 50, 0.05)};
  const Curve curve = toxicity_curve(std::vector{report("a", settings)});
  EXPECT_EQ(curve.reference->x, 1.0);
  EXPECT_EQ(curve.reference->y, 0.5);
  ASSERT_EQ(curve.series.size(), 3u);
  EXPECT_EQ(curve.series[0].name, "f-norm");
  ASSERT_EQ(curve.series[0].points.size(), 2u);
  EXPECT_EQ(curve.series[0].points[0].label, "0.2");
  EXPECT_EQ(curve.series[0].points[0].x, 1.1);
  EXPECT_EQ(curve.series[0].points[1].x, 1.5);
  EXPECT_EQ(curve.series[0].points[1].interval->high, 0.4);
  EXPECT_EQ(curve.series[2].name, "f-norm-0.2+g-linear-2");
}

TEST(ToxicityCurve, SeveralReportsAreMergedAndTheFirstWins) {
  const Json first = {setting("plain", 0.0, 20, 0.5), setting("f-norm-0.2", 0.2f, 22, 0.4)};
  const Json second = {setting("plain", 0.0, 40, 0.6), setting("f-norm-0.2", 0.2f, 99, 0.1),
                       setting("f-norm-0.4", 0.4f, 60, 0.2)};
  const Curve curve = toxicity_curve(std::vector{report("a", first), report("b", second)});
  EXPECT_EQ(curve.reference->y, 0.5);
  ASSERT_EQ(curve.series.size(), 1u);
  ASSERT_EQ(curve.series[0].points.size(), 2u);
  EXPECT_EQ(curve.series[0].points[0].x, 1.1);
  EXPECT_EQ(curve.series[0].points[1].x, 1.5) << "relative to plain of its own report";
}

TEST(ToxicityCurve, DrawsOnlyWhatIsNamedInThatOrder) {
  const std::vector reports = {report("a", {setting("plain", 0.0, 20, 0.5), setting("f-norm-0.2", 0.2f, 22, 0.4),
                                            setting("g-linear-2", 2, 40, 0.1), setting("h-mask-1", 1, 30, 0.3)})};
  const Curve curve = toxicity_curve(reports, {"h-mask", "f-norm"});
  ASSERT_EQ(curve.series.size(), 2u);
  EXPECT_EQ(curve.series[0].name, "h-mask");
  EXPECT_EQ(curve.series[1].name, "f-norm");
  EXPECT_TRUE(curve.reference);
  try {
    toxicity_curve(reports, {"f-norm-0.2"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("f-norm, g-linear, h-mask"), std::string::npos) << error.what();
  }
}

TEST(ToxicityCurve, ReportsThatCannotBeComparedOrReadAreRefused) {
  const EvaluationReport good = report("good.json", {setting("plain", 0.0, 20, 0.5)});
  EvaluationReport other = good;
  other.source = "other.json";
  other.json["samples"] = 25;
  try {
    toxicity_curve(std::vector{good, other});
    FAIL();
  } catch (const MismatchError& error) {
    EXPECT_NE(std::string(error.what()).find("samples: 3 there, 25 now"), std::string::npos) << error.what();
  }
  for (const char* text : {"[]", "{}", "7", R"({"model": "m"})"})
    EXPECT_THROW(toxicity_curve(std::vector{EvaluationReport{"x", parse_json(text, "x")}}), FormatError) << text;
  for (const Json& settings : {Json(3), Json::array(), Json::array({7}), Json::array({setting("f-1", 1, 2, 0.5)}),
                               Json({{"a", setting("plain", 0.0, 2, 0.5)}})})
    EXPECT_THROW(toxicity_curve(std::vector{report("x", settings)}), FormatError) << to_text(settings);
  EXPECT_THROW(toxicity_curve({}), ConfigError);
}

TEST(ToxicityCurve, WhatWasNotJudgedOrScoredIsLeftOut) {
  Json unjudged = setting("f-norm-0.2", 0.2f, 22, 0.4);
  unjudged["metrics"].erase("ppl");
  Json unscored = setting("f-norm-0.4", 0.4f, 22, 0.4);
  unscored["metrics"]["emt"] = {{"value", nullptr}, {"bootstrap_95", {nullptr, nullptr}}};
  Json odd = setting("f-norm-0.8", 0.8f, 22, 0.4);
  odd["metrics"]["emt"] = 3;
  EXPECT_TRUE(toxicity_curve(std::vector{report("x", {setting("plain", 0.0, 20, 0.5), unjudged, unscored, odd})})
                  .series.empty());
}

}  // namespace
}  // namespace limpid
