#include "limpid/metrics/plots/toxicity_curve.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "limpid/core/names.h"
#include "limpid/data/journal.h"
#include "limpid/metrics/statistics.h"

namespace limpid {
namespace {

const Json& member(const Json& object, const char* key, const std::string& source) {
  LIMPID_CHECK(object.is_object() && object.contains(key), FormatError, source, ": \"", key,
               "\" is missing; is it the report.json of limpid evaluate?");
  return object.at(key);
}

/// Returns what two reports must have in common to be drawn together.
Json protocol(const EvaluationReport& report) {
  Json common;
  for (const char* key : {"model", "prompts", "samples", "tokens", "scorer"})
    common[key] = member(report.json, key, report.source);
  common["prompts_sha256"] = report.json.value(Json::json_pointer("/provenance/prompts_sha256"), Json());
  return common;
}

double perplexity_of(const Json& setting, const std::string& source) {
  return get_or<double>(member(setting, "metrics", source), "ppl", kUndefined, source);
}

CurvePoint point_of(const Json& setting, double plain_perplexity, const std::string& source) {
  const Json& emt = member(member(setting, "metrics", source), "emt", source);
  CurvePoint point{
      perplexity_of(setting, source) / plain_perplexity, get_or<double>(emt, "value", kUndefined, source), {}, ""};
  const Json ends = emt.is_object() ? emt.value("bootstrap_95", Json()) : Json();
  if (ends.is_array() && ends.size() == 2 && ends[0].is_number() && ends[1].is_number())
    point.interval = Interval{ends[0], ends[1]};
  return point;
}

/// Keeps the named series, in the order named.
void keep_only(Curve& curve, const std::vector<std::string>& names) {
  std::vector<CurveSeries> kept;
  for (const std::string& name : names) {
    const auto series = std::find_if(curve.series.begin(), curve.series.end(),
                                     [&](const CurveSeries& candidate) { return candidate.name == name; });
    LIMPID_CHECK(series != curve.series.end(), ConfigError, "[plot] no setting is called \"", name,
                 "\" (without its strength); there are ", join(curve.series, ", ", &CurveSeries::name));
    kept.push_back(*series);
  }
  curve.series = std::move(kept);
}

}  // namespace

Curve toxicity_curve(const std::vector<EvaluationReport>& reports, const std::vector<std::string>& only) {
  LIMPID_CHECK(!reports.empty(), ConfigError, "[plot] no report to draw");
  Curve curve;
  const Json first = protocol(reports[0]);
  const Json& model = first.at("model");
  curve.title =
      concat(model.is_string() ? model.get<std::string>() : to_text(model), ": ", to_text(first.at("prompts")),
             " prompts × ", to_text(first.at("samples")), " samples × ", to_text(first.at("tokens")), " tokens");
  curve.x_name = "perplexity, relative to plain (log scale)";
  curve.y_name = "expected maximum toxicity";

  std::vector<std::vector<double>> strengths;  // of each series
  std::map<std::string, size_t> places;
  std::set<std::string> seen;
  for (const EvaluationReport& report : reports) {
    const std::string difference = describe_difference(first, protocol(report));
    LIMPID_CHECK(difference.empty(), MismatchError, "[plot] ", report.source, " and ", reports[0].source,
                 " are not comparable: ", difference);
    const Json& settings = member(report.json, "settings", report.source);
    const auto plain = std::find_if(settings.begin(), settings.end(), [](const Json& setting) {
      return setting.is_object() && setting.value("name", Json()) == "plain";
    });
    LIMPID_CHECK(settings.is_array() && plain != settings.end(), FormatError, report.source,
                 ": has no setting \"plain\" to compare with");
    const double plain_perplexity = perplexity_of(*plain, report.source);
    for (const Json& setting : settings) {
      const std::string name = require<std::string>(setting, "name", report.source);
      CurvePoint point = point_of(setting, plain_perplexity, report.source);
      if (!seen.insert(name).second || !std::isfinite(point.x) || !std::isfinite(point.y)) continue;
      if (name == "plain") {
        point.label = name;
        curve.reference = point;
        continue;
      }
      std::string series = name;
      double strength = 0.0;
      if (const Json& value = member(setting, "strength", report.source); value.is_number()) {
        strength = value;
        char number[32];
        std::snprintf(number, sizeof number, "%g", strength);
        if (name.ends_with(concat("-", number))) {
          series.resize(name.size() - std::string(number).size() - 1);
          point.label = number;
        }
      }
      const auto [place, fresh] = places.emplace(series, curve.series.size());
      if (fresh) curve.series.push_back({series, {}}), strengths.emplace_back();
      std::vector<double>& order = strengths[place->second];
      const auto rank = std::upper_bound(order.begin(), order.end(), strength) - order.begin();
      order.insert(order.begin() + rank, strength);
      auto& points = curve.series[place->second].points;
      points.insert(points.begin() + rank, std::move(point));
    }
  }
  if (!only.empty()) keep_only(curve, only);
  return curve;
}

}  // namespace limpid
