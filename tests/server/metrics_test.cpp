#include "limpid/server/metrics/metrics.h"

#include <gtest/gtest.h>

#include <sstream>
#include <thread>

namespace limpid::server {
namespace {

/// Returns the value of a series as it is written, "" where there is none.
std::string value_of(const Metrics& metrics, const std::string& series) {
  std::istringstream lines(metrics.text());
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  return "";
}

TEST(Metrics, HaveEveryNameFromTheStart) {
  const Metrics metrics({"/v1/completions"});
  const std::string text = metrics.text();
  for (const char* line : {"build_info gauge",
                           "requests_total counter",
                           "request_duration_seconds histogram",
                           "requests_running gauge",
                           "requests_waiting gauge",
                           "rows_running gauge",
                           "connections gauge",
                           "rejected_total counter",
                           "cancelled_total counter",
                           "prompt_tokens_total counter",
                           "cached_tokens_total counter",
                           "generated_tokens_total counter",
                           "queue_seconds histogram",
                           "time_to_first_token_seconds histogram",
                           "time_per_output_token_seconds histogram",
                           "kv_bytes gauge",
                           "kv_bytes_limit gauge",
                           "prefix_cache_bytes gauge",
                           "preemptions_total counter",
                           "detox_requests_total counter",
                           "detox_strength histogram",
                           "guard_checks_total counter",
                           "guard_rewinds_total counter",
                           "guard_refusals_total counter",
                           "guard_rewound_tokens_total counter",
                           "scored_texts_total counter",
                           "score_seconds histogram",
                           "row_failures_total counter"})
    EXPECT_NE(text.find("# TYPE limpid_" + std::string(line) + "\n"), std::string::npos) << line;
  for (const char* line :
       {"resident_memory_bytes gauge", "open_fds gauge", "cpu_seconds_total counter", "start_time_seconds gauge"})
    EXPECT_NE(text.find("# TYPE process_" + std::string(line) + "\n"), std::string::npos) << line;
}

TEST(Metrics, HaveTheirKnownLabelsAtZero) {
  const Metrics metrics({"/v1/completions"});
  for (const char* series :
       {"limpid_requests_total{route=\"/v1/completions\",status=\"200\"}",
        "limpid_requests_total{route=\"other\",status=\"404\"}", "limpid_rejected_total{reason=\"queue_full\"}",
        "limpid_rejected_total{reason=\"too_many_connections\"}", "limpid_rejected_total{reason=\"shutting_down\"}",
        "limpid_cancelled_total{reason=\"client_gone\"}", "limpid_cancelled_total{reason=\"write_timeout\"}",
        "limpid_cancelled_total{reason=\"shutdown\"}", "limpid_scored_texts_total{flagged=\"true\"}",
        "limpid_row_failures_total{reason=\"not_finite\"}", "limpid_row_failures_total{reason=\"internal\"}",
        "limpid_guard_refusals_total", "limpid_generated_tokens_total"})
    EXPECT_EQ(value_of(metrics, series), "0") << series;
}

TEST(Metrics, TellWhatIsServedAndAskForGaugesAtEachScrape) {
  Metrics metrics({});
  size_t rows = 3;
  metrics.set_served("toy \"quoted\"", "avx2", {"calm"},
                     [&] { return Gauges{.rows_running = rows, .preemptions = rows}; });
  EXPECT_NE(metrics.text().find("model=\"toy \\\"quoted\\\"\""), std::string::npos);
  EXPECT_EQ(value_of(metrics, "limpid_detox_requests_total{name=\"calm\"}"), "0");
  EXPECT_EQ(value_of(metrics, "limpid_rows_running"), "3");
  rows = 5;
  EXPECT_EQ(value_of(metrics, "limpid_rows_running"), "5");
  EXPECT_EQ(value_of(metrics, "limpid_preemptions_total"), "5");
}

TEST(Metrics, CountWhatIsToldThem) {
  Metrics metrics({"/v1/completions"});
  metrics.set_served("toy", "plain", {"calm"}, [] { return Gauges{}; });
  metrics.finished({.route = "/v1/completions", .id = "a", .status = 200, .seconds = 0.3});
  metrics.finished({.route = "/v1/completions", .id = "b", .status = 0, .seconds = 9});  // gone: it had no answer
  metrics.rejected("queue_full");
  metrics.too_many_connections();
  metrics.prompt_read(40, 32);
  metrics.generated(7);
  metrics.cancelled(Gone::WriteTimeout);
  metrics.row_failed(/*not_finite=*/true);
  metrics.guarded({.checks = 4, .rewinds = 2, .rewound_tokens = 19, .refused = true});
  metrics.guarded({.checks = 1});
  metrics.detoxified("calm", 0.75f);
  metrics.scored(/*flagged=*/true, 0.02);
  for (const auto& [series, value] : std::vector<std::pair<std::string, std::string>>{
           {"limpid_requests_total{route=\"/v1/completions\",status=\"200\"}", "1"},
           {"limpid_request_duration_seconds_count{route=\"/v1/completions\"}", "1"},
           {"limpid_request_duration_seconds_bucket{route=\"/v1/completions\",le=\"0.1\"}", "0"},
           {"limpid_request_duration_seconds_bucket{route=\"/v1/completions\",le=\"0.5\"}", "1"},
           {"limpid_rejected_total{reason=\"queue_full\"}", "1"},
           {"limpid_rejected_total{reason=\"too_many_connections\"}", "1"},
           {"limpid_prompt_tokens_total", "40"},
           {"limpid_cached_tokens_total", "32"},
           {"limpid_generated_tokens_total", "7"},
           {"limpid_cancelled_total{reason=\"write_timeout\"}", "1"},
           {"limpid_row_failures_total{reason=\"not_finite\"}", "1"},
           {"limpid_guard_checks_total", "5"},
           {"limpid_guard_rewinds_total", "2"},
           {"limpid_guard_rewound_tokens_total", "19"},
           {"limpid_guard_refusals_total", "1"},
           {"limpid_detox_requests_total{name=\"calm\"}", "1"},
           {"limpid_detox_strength_sum{name=\"calm\"}", "0.75"},
           {"limpid_scored_texts_total{flagged=\"true\"}", "1"}})
    EXPECT_EQ(value_of(metrics, series), value) << series;
}

TEST(Metrics, LoseNothingThatThreadsCountAtOnce) {
  Metrics metrics({"/v1/completions"});
  constexpr int kEach = 2000;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < kEach; ++n) {
        metrics.generated(1);
        metrics.next_token(0.01);
        metrics.finished({.route = "other", .id = "", .status = 404, .seconds = 0.001});
        if (n % 500 == 0) metrics.text();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(value_of(metrics, "limpid_generated_tokens_total"), "8000");
  EXPECT_EQ(value_of(metrics, "limpid_time_per_output_token_seconds_count"), "8000");
  EXPECT_EQ(value_of(metrics, "limpid_requests_total{route=\"other\",status=\"404\"}"), "8000");
}

TEST(Metrics, KnowTheProcess) {
  const Metrics metrics({});
  EXPECT_GT(std::stod(value_of(metrics, "process_resident_memory_bytes")), 1e6);
  EXPECT_GE(std::stod(value_of(metrics, "process_open_fds")), 3);
  EXPECT_GT(std::stod(value_of(metrics, "process_start_time_seconds")), 1e9);
  EXPECT_GE(std::stod(value_of(metrics, "process_cpu_seconds_total")), 0);
}

}  // namespace
}  // namespace limpid::server
