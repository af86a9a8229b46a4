#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "limpid/core/json.h"
#include "limpid/server/metrics/metrics.h"

namespace limpid::server {
namespace {

/// Returns all texts of a member of that name, at any depth.
void collect(const Json& value, const std::string& name, std::vector<std::string>& found) {
  if (value.is_object() && value.contains(name) && value[name].is_string()) found.push_back(value[name]);
  if (value.is_structured())
    for (const Json& inner : value) collect(inner, name, found);
}

std::set<std::string> names_in(const std::string& text) {
  static const std::regex kName("\\b(?:limpid|process)_[a-z_]+");
  std::set<std::string> names;
  for (std::sregex_iterator match(text.begin(), text.end(), kName), end; match != end; ++match)
    names.insert(match->str());
  return names;
}

TEST(Dashboard, AsksForNamesThatAServerHas) {
  const Json dashboard = read_json(fs::path(LIMPID_SOURCE_DIR) / "docs/serving/grafana.json");
  std::vector<std::string> questions;
  collect(dashboard, "expr", questions);
  ASSERT_FALSE(questions.empty());
  Metrics metrics({"/v1/completions"});
  metrics.set_served("toy", "plain", {"calm"}, [] { return Gauges{}; });
  const std::set<std::string> served = names_in(metrics.text());
  for (const std::string& question : questions)
    for (const std::string& name : names_in(question)) EXPECT_TRUE(served.contains(name)) << name << " in " << question;
}

TEST(Dashboard, HasPanelsOfDifferentIdsThatDoNotOverlap) {
  const Json dashboard = read_json(fs::path(LIMPID_SOURCE_DIR) / "docs/serving/grafana.json");
  std::set<int> ids;
  std::set<std::pair<int, int>> taken;
  for (const Json& panel : dashboard["panels"]) {
    EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << panel["title"];
    const Json& place = panel["gridPos"];
    const int left = place["x"], top = place["y"], width = place["w"], height = place["h"];
    EXPECT_LE(left + width, 24) << panel["title"];
    for (int x = left; x < left + width; ++x)
      for (int y = top; y < top + height; ++y) EXPECT_TRUE(taken.insert({x, y}).second) << panel["title"];
  }
}

}  // namespace
}  // namespace limpid::server
