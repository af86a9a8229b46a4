#include <cstring>

#include "limpid/decoding/generator.h"
#include "limpid/models/model.h"
#include "tests/support/family_model.h"
#include "tests/support/reading_session.h"

/// What a cache of another type, and pages that go back behind a window, leave as they are: rows do not see one
/// another, samples of a prompt share it, and a text has the bits that it has when it is read at once.
namespace limpid {
namespace {

using namespace testing_support;
using nn::CacheType;

constexpr CacheType kTypes[] = {CacheType::F32, CacheType::BF16, CacheType::Q8};

TokenIds text_of(size_t length, size_t seed = 0) {
  TokenIds ids;
  for (size_t i = 0; i < length; ++i) ids.push_back(TokenId((31 * i * i + 7 * i + seed) % 257));
  return ids;
}

/// Tiny models: llama sees everything, mistral the last eight tokens, of gemma3 every other layer the last eight. Their
/// contexts are of 400 tokens.
class Caches : public testing::TestWithParam<const char*> {
 protected:
  Caches() {
    const Family& family = *find_family(GetParam());
    write_family_model(family, folder_.path());
    Json config = read_json(folder_.path() / "config.json");
    for (const char* spelling : {"max_position_embeddings", "n_positions", "max_seq_len"}) config[spelling] = 400;
    if (GetParam() == std::string("mistral")) config.erase("sliding_window_pattern");
    write_file(folder_.path() / "config.json", to_text(config));
  }
  std::shared_ptr<Model> open(CacheType type = CacheType::F32) const {
    return open_model(folder_.path(), InferenceOptions{.precision = Precision::Exact, .kv_cache = type});
  }
  static bool slides() { return GetParam() != std::string("llama"); }
  TempDir folder_;
};

/// Logits behind every token of a text that is read in pieces of so many tokens.
Tensor read(const Model& model, const TokenIds& ids, size_t piece, nn::KvCache& cache) {
  torch::NoGradGuard no_grad;
  std::vector<Tensor> states;
  while (cache.length() < ids.size()) {
    const size_t count = std::min(piece, ids.size() - cache.length());
    const nn::Sequence sequence{&cache, std::span(ids).subspan(cache.length(), count)};
    nn::Pass pass({&sequence, 1});
    states.push_back(model.final_state(pass, Outputs::All));
  }
  return model.output_matrix(torch::cat(states));
}

Tensor read(const Model& model, const TokenIds& ids, size_t piece) {
  nn::KvCache cache = model.make_cache();
  return read(model, ids, piece, cache);
}

TEST_P(Caches, ATextLongerThanItsWindowHasTheBitsOfOneThatIsReadAtOnce) {
  const TokenIds ids = text_of(300);
  for (CacheType type : kTypes) {
    SCOPED_TRACE(name(type));
    const auto model = open(type);
    const Tensor at_once = read(*model, ids, ids.size());
    for (size_t piece : {1, 7, 100}) EXPECT_TRUE(torch::equal(read(*model, ids, piece), at_once)) << piece;
  }
}

TEST_P(Caches, TakeNoMoreMemoryForLongerTextsWhereEveryLayerSlides) {
  const auto model = open();
  nn::KvCache cache = model->make_cache();
  std::vector<size_t> bytes;
  for (size_t length = 1; length <= 380; ++length) {
    read(*model, text_of(length), 1, cache);
    bytes.push_back(cache.bytes());
  }
  const size_t page = cache.pool()->bytes_per_page(), sliding = cache.pool()->page_bytes(nn::KvPool::kSliding);
  const size_t full_pages = 380 / 32 + 1, most_sliding = (8 + nn::KvCache::kSlack) / 32 + 2;
  EXPECT_LE(bytes.back(), full_pages * (page - sliding) + std::min(full_pages, most_sliding) * sliding);
  if (GetParam() == std::string("mistral")) {
    EXPECT_EQ(*std::max_element(bytes.begin(), bytes.end()), *std::max_element(bytes.begin(), bytes.begin() + 130));
  }
}

TEST_P(Caches, KeepTheLogitsNearThoseOfFloat32) {
  const TokenIds ids = text_of(100);
  const Tensor exact = read(*open(), ids, ids.size());
  for (const auto& [type, bound] : {std::pair(CacheType::BF16, 0.1), std::pair(CacheType::Q8, 0.15)}) {
    const double error = (read(*open(type), ids, ids.size()) - exact).abs().max().item<double>();
    EXPECT_GT(error, 0) << name(type);
    EXPECT_LT(error, bound) << name(type);
  }
}

using Steps = std::map<std::pair<uint64_t, uint64_t>, std::vector<std::vector<float>>>;

std::vector<Request> requests() {
  std::vector<Request> all;
  for (size_t prompt = 0; const size_t length : {3, 50, 90, 200}) {
    for (uint64_t sample = 0; sample < 3; ++sample) {
      Request& r = all.emplace_back(Request{.prompt = prompt, .sample = sample, .prompt_ids = text_of(length, prompt)});
      r.sampling.seed = 7;
      r.stop.max_new_tokens = 100 + int64_t(sample);
    }
    ++prompt;
  }
  return all;
}

/// Returns the logits of every step of the requests.
Steps decode(const std::shared_ptr<const Model>& model, const std::vector<Request>& requests, size_t rows) {
  Steps steps;
  GeneratorOptions options;
  options.max_rows = rows;
  options.on_logits = [&](const Row& row, std::span<const float> z) {
    steps[{row.request.prompt, row.request.sample}].emplace_back(z.begin(), z.end());
  };
  Generator generator(model, {}, options);
  for (const Request& r : requests) generator.submit(r);
  generator.run([](const Completion& completion) { completion.check(); });
  return steps;
}

TEST_P(Caches, SamplesOfOnePromptHaveTheBitsThatTheyHaveAlone) {
  for (CacheType type : kTypes) {
    SCOPED_TRACE(name(type));
    const auto model = open(type);
    const Steps together = decode(model, requests(), 25);
    ASSERT_EQ(together.size(), 12u);
    for (const Request& request : requests())
      EXPECT_EQ(decode(model, {request}, 1), Steps({*together.find({request.prompt, request.sample})}));
  }
}

TEST_P(Caches, ARequestIsTakenBackAsFarAsKeysAreKeptAndElseRefused) {
  const auto model = open();
  const Request request = requests().back();  // 200 tokens, and 102 more
  const Steps expected = decode(model, {request}, 1);
  for (const size_t tokens : {1, 5, 60, 100}) {
    SCOPED_TRACE(testing::Message() << tokens << " tokens");
    std::vector<std::vector<float>> steps;
    GeneratorOptions options;
    options.on_logits = [&](const Row&, std::span<const float> z) { steps.emplace_back(z.begin(), z.end()); };
    Generator generator(model, {}, options);
    const RequestId id = generator.submit(request);
    const auto done = [](const Completion& completion) { completion.check(); };
    while (steps.size() < 101) generator.step(done);
    if (slides() && tokens > nn::KvCache::kSlack) {
      EXPECT_THROW(generator.rewind(id, tokens), ConfigError);
    } else {
      generator.rewind(id, tokens);
      steps.resize(steps.size() - tokens);
    }
    generator.run(done);
    EXPECT_EQ(steps, expected.begin()->second);
  }
}

TEST_P(Caches, ATextThatIsReadAlongGoesBackBehindItsWindowByBeingReadAnew) {
  const auto model = open();
  for (const size_t agree : {295, 20}) {
    SCOPED_TRACE(agree);
    ReadingBench bench(model, {{.model = model, .prefixes = {{40, 41}}}});
    ActiveRow row = bench.row(text_of(300)), fresh = bench.row(text_of(300));
    bench.states({&row});
    TokenIds other = text_of(300);
    for (size_t i = agree; i < other.size(); ++i) other[i] = TokenId(i % 257);
    row.row.request.prompt_ids = fresh.row.request.prompt_ids = other;
    const uint64_t before = bench.tokens_read();
    const Tensor found = bench.states({&row});
    const uint64_t again = bench.tokens_read() - before;
    EXPECT_EQ(again, slides() && agree == 20 ? 302 : 300 - agree);
    EXPECT_TRUE(torch::equal(found, bench.states({&fresh})));
  }
}

INSTANTIATE_TEST_SUITE_P(EachKindOfLayers, Caches, testing::Values("llama", "mistral", "gemma3"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace limpid
