#include "limpid/server/json/strict_json.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "limpid/server/api_error.h"

namespace limpid::server {

namespace {

constexpr size_t kMaxLevels = 64;
// A value takes 16 bytes, one with memory of its own about 100, which a body may ask for by two bytes: "0," and "{}".
// These are far above what any request means, and keep a body of 8 MiB below 64 MiB.
constexpr size_t kMaxValues = 2'000'000;
constexpr size_t kMaxHolders = 131'072;

[[noreturn]] void refuse(const std::string& what) {
  throw ApiError(400, "invalid_json", concat("the body is not valid JSON: ", what));
}

/// Walks a text and tells how far the lexer, which looks one byte ahead only behind numbers, has come.
struct CountingIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  size_t* read;

  reference operator*() const { return *at; }
  CountingIterator& operator++() {
    ++at;
    ++*read;
    return *this;
  }
  bool operator==(const CountingIterator& other) const { return at == other.at; }
  bool operator!=(const CountingIterator& other) const { return at != other.at; }
};

/// Builds the value from the parser's events.
class Builder {
 public:
  Builder(const size_t& read, size_t size) : read_(read), size_(size) {}

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(int64_t value) { return put(value); }
  bool number_unsigned(uint64_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) {
    count_holder();
    return put(std::move(value));
  }
  bool binary(Json::binary_t&) { return false; }
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    count_holder();
    const auto [member, is_new] = open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name));
    if (!is_new) refuse(concat("an object has the same key twice, at ", place()));
    member_ = &member->second;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const Json::exception& error) {
    const bool overflow = dynamic_cast<const Json::out_of_range*>(&error);
    refuse(concat(overflow ? "a number is out of range at byte " : "it ends or goes wrong at byte ",
                  std::min(position, size_ + 1), " of ", size_));
  }

  Json take() { return std::move(root_); }

 private:
  std::string place() const { return concat("byte ", read_, " of ", size_); }

  Json* put(Json&& value) {
    if (++values_ > kMaxValues) refuse(concat("more than ", kMaxValues, " values, at ", place()));
    if (open_.empty()) return &(root_ = std::move(value));
    Json& parent = *open_.back();
    if (parent.is_object()) return &(*member_ = std::move(value));
    return &parent.get_ref<Json::array_t&>().emplace_back(std::move(value));
  }
  bool open(Json&& value) {
    if (open_.size() == kMaxLevels)
      refuse(concat("more than ", kMaxLevels, " lists and objects inside one another, at ", place()));
    count_holder();
    open_.push_back(put(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  void count_holder() {
    if (++holders_ > kMaxHolders) refuse(concat("more than ", kMaxHolders, " texts, lists and objects, at ", place()));
  }

  const size_t& read_;
  const size_t size_;
  Json root_;
  std::vector<Json*> open_;  // lists and objects around what comes next; none moves while it is open
  Json* member_ = nullptr;   // where the value behind a key belongs
  size_t values_ = 0, holders_ = 0;
};

}  // namespace

Json read_strict_json(std::string_view body) {
  // The library would skip the mark, and take a zero byte for the end.
  if (body.starts_with("\xEF\xBB\xBF")) refuse("a byte order mark at byte 1; expected UTF-8 without one");
  if (const size_t zero = body.find('\0'); zero != std::string_view::npos)
    refuse(concat("a zero byte at byte ", zero + 1, " of ", body.size()));
  size_t read = 0;
  Builder builder(read, body.size());
  Json::sax_parse(CountingIterator{body.data(), &read}, CountingIterator{body.data() + body.size(), &read}, &builder);
  Json value = builder.take();
  if (!value.is_object())
    throw ApiError(400, "invalid_json", concat("the body is ", json_kind(value), " at byte 1, expected an object"));
  return value;
}

}  // namespace limpid::server
