#pragma once

#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <numeric>
#include <set>

#include "limpid/server/scheduler/scheduler.h"

/// What a scheduler works with, without a model and without sockets.
namespace limpid::server::testing_support {

/// A token is a byte; 256 ends a text.
class ByteTokenizer final : public Tokenizer {
 public:
  static constexpr TokenId kEnd = 256;
  ByteTokenizer() {
    for (size_t byte = 0; byte < bytes_.size(); ++byte) bytes_[byte] = char(byte);
  }
  TokenIds encode(std::string_view text, bool) const override {
    TokenIds ids;
    for (char byte : text) ids.push_back(TokenId(uint8_t(byte)));
    return ids;
  }
  std::string decode(std::span<const TokenId> ids, bool) const override {
    std::string text;
    for (TokenId id : ids) text += token_bytes(id);
    return text;
  }
  size_t vocab_size() const override { return 257; }
  std::string_view token_bytes(TokenId id) const override {
    return id == kEnd ? std::string_view() : std::string_view(&bytes_[size_t(id)], 1);
  }
  std::string_view token_text(TokenId id) const override { return id == kEnd ? "<end>" : token_bytes(id); }
  bool is_special(TokenId id) const override { return id == kEnd; }
  std::optional<TokenId> find(std::string_view) const override { return std::nullopt; }
  std::optional<TokenId> bos() const override { return std::nullopt; }
  std::optional<TokenId> eos() const override { return kEnd; }
  std::optional<TokenId> pad() const override { return std::nullopt; }
  bool adds_bos() const override { return false; }
  std::string chat_template() const override { return ""; }

 private:
  std::array<char, 256> bytes_;
};

/// Writes each prompt once more, byte by byte; '!' in its place makes the row fail there, '~' is drawn anew as '-' in a
/// later attempt.
class EchoEngine final : public Engine {
 public:
  RequestId begin(Request request) override {
    const RequestId id = ++last_;
    rows_[id] = {std::move(request), 0, false};
    most_ = std::max(most_, rows_.size());
    return id;
  }
  void cancel(RequestId row) override {
    rows_.erase(row);
    if (row == stepping_) stepping_ = 0;
  }
  void rewind(RequestId row, size_t tokens) override { rows_.at(row).written -= tokens; }
  void steer(RequestId row, std::vector<float> strengths, uint32_t attempt) override {
    rows_.at(row).request.strengths = std::move(strengths);
    rows_.at(row).request.attempt = attempt;
  }
  void pause(RequestId row, bool paused) override { rows_.at(row).paused = paused; }
  void step(const std::function<void(Completion)>& done) override {
    ++steps_;
    std::vector<RequestId> ids;
    for (const auto& [id, row] : rows_)
      if (!row.paused) ids.push_back(id);
    for (RequestId id : ids) {
      const auto found = rows_.find(id);
      if (found == rows_.end()) continue;
      Row& row = found->second;
      const TokenIds& prompt = row.request.prompt_ids;
      TokenId token = row.written < prompt.size() ? prompt[row.written] : ByteTokenizer::kEnd;
      if (token == '!') {
        rows_.erase(id);
        done({.finish_reason = FinishReason::Error, .error = "not finite", .request = id, .not_finite = true});
        continue;
      }
      if (token == '~' && row.request.attempt > 0) token = '-';
      TokenEvent event{.request = id, .id = token};
      if (token == ByteTokenizer::kEnd) {
        event.finish_reason = FinishReason::Stop;
      } else {
        event.text = std::string(1, char(token));
        if (int64_t(++row.written) >= row.request.stop.max_new_tokens) event.finish_reason = FinishReason::Length;
      }
      const size_t written = row.written;
      stepping_ = id;
      row.request.on_token(event);
      if (stepping_ != id || !event.finish_reason || row.written < written) continue;  // cancelled, goes on, taken back
      const FinishReason reason = *event.finish_reason;
      rows_.erase(id);
      done({.finish_reason = reason, .request = id});
    }
  }
  EngineState state() const override { return {}; }
  std::vector<double> score(std::span<const std::string> texts) override {
    std::vector<double> scores;
    for (const std::string& text : texts) scores.push_back(text.find('~') == std::string::npos ? 0.1 : 0.9);
    return scores;
  }
  size_t most_rows() const { return most_; }
  uint64_t steps() const { return steps_; }

 private:
  struct Row {
    Request request;
    size_t written;
    bool paused;
  };
  std::map<RequestId, Row> rows_;
  RequestId last_ = 0, stepping_ = 0;
  size_t most_ = 0;
  uint64_t steps_ = 0;
};

/// Keeps what it is told.
class KeptExchange final : public Exchange {
 public:
  explicit KeptExchange(const std::string& client, std::string body = "") {
    request_.client = client;
    request_.body = std::move(body);
  }

  const HttpRequest& request() const override { return request_; }
  std::string take_body() override { return std::move(request_.body); }
  void answer(HttpResponse response) override {
    end([&] { response_ = std::move(response); });
  }
  void begin_events() override {}
  void send_event(const std::string& data) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(data);
  }
  void end_events(bool complete) override {
    end([&] { complete_ = complete; });
  }
  void on_gone(std::function<void(Gone)> gone) override {
    const std::lock_guard lock(mutex_);
    gone_ = std::move(gone);
  }
  size_t buffered() const override { return buffered_; }

  void leave() {
    std::function<void(Gone)> gone;
    {
      const std::lock_guard lock(mutex_);
      gone = gone_;
    }
    gone(Gone::ClientGone);
  }
  void set_buffered(size_t bytes) { buffered_ = bytes; }
  void wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return is_ended_; });
  }
  bool is_ended() const {
    const std::lock_guard lock(mutex_);
    return is_ended_;
  }
  const HttpResponse& response() const { return response_; }
  size_t place() const { return place_; }  ///< among all that ended
  bool is_complete() const { return complete_; }
  std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  Json body() const { return Json::parse(response_.body); }

 private:
  template <class Set>
  void end(Set set) {
    {
      const std::lock_guard lock(mutex_);
      set();
      is_ended_ = true;
      place_ = ++all_ended_;
    }
    ended_.notify_all();
  }

  HttpRequest request_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  HttpResponse response_;
  std::vector<std::string> events_;
  bool is_ended_ = false, complete_ = false;
  size_t place_ = 0;
  static inline std::atomic<size_t> all_ended_ = 0;
  std::function<void(Gone)> gone_;
  std::atomic<size_t> buffered_ = 0;
};

}  // namespace limpid::server::testing_support
