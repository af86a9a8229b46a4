#include "fuzz/support.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "limpid/core/warnings.h"

namespace limpid::fuzzing {
namespace {

constexpr size_t kLongestMessage = 4000;  // bytes; texts from a file are cut when they are quoted

bool is_integer(DType type) {
  constexpr DType kIntegers[] = {DType::Bool, DType::U8, DType::I8, DType::I16, DType::I32, DType::I64};
  return std::find(std::begin(kIntegers), std::end(kIntegers), type) != std::end(kIntegers);
}

}  // namespace

void finding(const std::string& what) {
  std::fprintf(stderr, "finding: %s\n", what.c_str());
  std::abort();
}

void check_line(std::string_view line) {
  const auto is_control = [](unsigned char byte) { return byte < 0x20 || byte == 0x7f; };
  if (std::any_of(line.begin(), line.end(), is_control)) finding("control characters: " + std::string(line));
}

void check_message(std::string_view message) {
  if (message.empty()) finding("an error without a message");
  check_line(message);
  if (message.size() > kLongestMessage) finding("a long error: " + std::string(message));
}

void hear_warnings() { listen_to_warnings(check_line); }

std::vector<std::string_view> files_of(std::string_view input, size_t count) {
  std::vector<std::string_view> files(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t end = i + 1 < count ? input.find(kBetweenFiles) : std::string_view::npos;
    files[i] = input.substr(0, end);
    input.remove_prefix(end == std::string_view::npos ? input.size() : end + kBetweenFiles.size());
  }
  return files;
}

Folder::Folder() {
  std::string pattern = (fs::temp_directory_path() / "limpid-fuzz-XXXXXX").string();
  if (!mkdtemp(pattern.data())) finding("no folder " + pattern + ": " + std::strerror(errno));
  path_ = pattern;
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path Folder::write(const std::string& name, std::string_view content) const {
  const fs::path file = path_ / name;
  if (content.empty()) {
    ::unlink(file.c_str());
    return file;
  }
  const Descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!out || !write_all(out.get(), content.data(), content.size())) finding("cannot write " + file.string());
  return file;
}

void Folder::clear() const {
  for (const auto& entry : fs::directory_iterator(path_)) fs::remove_all(entry.path());
}

std::string safetensors(std::string_view header, std::string_view data) {
  std::string file(sizeof(uint64_t), '\0');
  const uint64_t size = header.size();
  std::memcpy(file.data(), &size, sizeof size);
  return (file += header) += data;
}

std::string limpid_file(std::string_view metadata, std::string_view tensors, std::string_view data) {
  const std::string text = to_text(Json(std::string(metadata)));
  return safetensors(concat(R"({"__metadata__":{"limpid":)", text, "}", tensors.empty() ? "" : ",", tensors, "}"),
                     data);
}

void read_tensors(const Checkpoint& checkpoint) {
  std::vector<std::byte> storage;
  for (const TensorView& listed : checkpoint.tensors()) {
    if (checkpoint.find(listed.name) != &listed) finding("a tensor is not found by its name: " + listed.name);
    attempt([&] {
      const TensorView tensor = checkpoint.load(listed, storage);
      if (tensor.data.size() != byte_size(tensor.dtype, size_t(tensor.elements())))
        finding("a tensor of another size: " + tensor.name);
      is_integer(tensor.dtype) ? void(to_integers(tensor)) : void(to_floats(tensor));
    });
  }
}
}  // namespace limpid::fuzzing
