#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "limpid/checkpoints/checkpoint.h"
#include "limpid/core/error.h"

/// What the fuzz targets share. They hold readers to one promise: bytes from anywhere are read, or refused by an Error
/// of one line that a terminal can show. Anything else ends the process, which is a finding.
namespace limpid::fuzzing {

/// Ends the process with a sentence.
[[noreturn]] void finding(const std::string& what);
/// Looks at a line that a terminal is to show.
void check_line(std::string_view line);
/// Looks at the message of an Error.
void check_message(std::string_view message);

/// Looks at warnings from now on, also at those that were heard before.
void hear_warnings();

/// Runs a reader, which may refuse. Returns whether it did not.
template <class Read>
bool attempt(Read&& read) {
  hear_warnings();
  try {
    read();
    return true;
  } catch (const Error& error) {
    check_message(error.what());
    return false;
  }
}

/// Runs a reader on what was accepted or written before, which it must not refuse.
template <class Read>
void must(const char* what, Read&& read) {
  try {
    read();
  } catch (const Error& error) {
    finding(std::string(what) + ": " + error.what());
  }
}

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Stands between the files of an input that consists of several; no valid UTF-8.
inline constexpr std::string_view kBetweenFiles = "\xff\n\xff";

/// Returns `count` files: what stands between the marks, and nothing for those that are not there. The last takes what
/// is left.
std::vector<std::string_view> files_of(std::string_view input, size_t count);

/// A folder for readers that take paths, below $TMPDIR; scripts/fuzz lets that be in memory.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Writes a file; an empty one is none.
  std::filesystem::path write(const std::string& name, std::string_view content) const;
  /// Removes every file.
  void clear() const;

 private:
  std::filesystem::path path_;
};

/// Returns a safetensors file around a header, whose length is right whatever it says: damage to that is left to the
/// safetensors target.
std::string safetensors(std::string_view header, std::string_view data);
/// Returns one with a text as its metadata `limpid`. @param tensors  the rest of the header, without its braces
std::string limpid_file(std::string_view metadata, std::string_view tensors, std::string_view data);

/// Reads every tensor to its end, as a caller may rely on being able to: loaded, it is as long as type and shape say.
void read_tensors(const Checkpoint& checkpoint);

}  // namespace limpid::fuzzing
