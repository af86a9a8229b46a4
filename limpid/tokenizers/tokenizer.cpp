#include "limpid/tokenizers/tokenizer.h"

#include "limpid/tokenizers/tokenizer_files.h"
#include "limpid/tokenizers/unicode.h"

namespace limpid {

namespace {

/// Returns the file with an extension where there is just one.
fs::path only_file(const fs::path& folder, const char* extension) {
  fs::path found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != extension) continue;
    if (!found.empty()) return {};
    found = entry.path();
  }
  return found;
}

/// Returns the file that describes the tokenizer of a folder, empty where there is none but perhaps a GGUF file.
fs::path tokenizer_file(const fs::path& folder) {
  const auto has = [&](const char* name) { return fs::exists(folder / name); };
  if (has("tokenizer.json")) return folder / "tokenizer.json";
  if (has("vocab.json") && has("merges.txt")) return folder / "vocab.json";
  for (const char* name : {"vocab.txt", "tokenizer.model", "spiece.model", "spm.model"})
    if (has(name)) return folder / name;
  return only_file(folder, ".tiktoken");
}

std::shared_ptr<const Tokenizer> open_folder(const fs::path& folder) {
  if (const fs::path file = tokenizer_file(folder); !file.empty()) return open_tokenizer(file);
  if (const auto gguf = gguf_models(folder); gguf.size() == 1) return open_tokenizer(gguf.front());
  throw ConfigError(concat(
      "[tokenizer] ", folder.string(),
      ": no tokenizer here; expected tokenizer.json, vocab.json with merges.txt, vocab.txt, tokenizer.model, or one "
      ".tiktoken or .gguf file"));
}

}  // namespace

bool has_tokenizer(const fs::path& folder) { return fs::is_directory(folder) && !tokenizer_file(folder).empty(); }

std::shared_ptr<const Tokenizer> open_tokenizer(const fs::path& path) {
  LIMPID_CHECK(fs::exists(path), IoError, "[tokenizer] ", path.string(), ": no such file or folder");
  if (fs::is_directory(path)) return open_folder(path);
  const std::string name = path.filename().string();
  if (path.extension() == ".gguf") return read_gguf_tokenizer(*GgufFile::open(path));
  if (name == "vocab.json" || name == "merges.txt") return read_vocab_and_merges(path.parent_path());
  if (name == "vocab.txt") return read_vocab_txt(path.parent_path());
  if (path.extension() == ".json") return read_tokenizer_json(path);
  const auto file = MappedFile::open(path);
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("GGUF")) return read_gguf_tokenizer(*GgufFile::open(path));
  // A ModelProto begins with its first piece, field 1; Llama 3 calls a tiktoken file tokenizer.model too.
  if (text.starts_with('\n')) return read_sentencepiece_file(path);
  if (path.extension() == ".tiktoken" || path.extension() == ".model") return read_tiktoken(path);
  throw ConfigError(concat("[tokenizer] ", path.string(),
                           ": is neither a GGUF file, a tokenizer.json, a SentencePiece model nor a tiktoken file"));
}

std::string vocab_sha256(const Tokenizer& tokenizer) {
  std::string bytes;
  for (TokenId id = 0; size_t(id) < tokenizer.vocab_size(); ++id) {
    const std::string_view text = tokenizer.token_text(id);
    for (int shift = 0; shift < 32; shift += 8) bytes += char(text.size() >> shift & 0xFF);
    bytes += text;
  }
  return sha256(bytes);
}

std::string StreamingDecoder::push(TokenId id) {
  std::string_view bytes = tokenizer_->token_bytes(id);
  if (tokenizer_->is_special(id) || bytes.empty()) return "";
  if (!started_ && tokenizer_->has_dummy_prefix() && bytes.starts_with(' ')) bytes.remove_prefix(1);
  started_ = true;
  held_ += bytes;
  size_t unfinished = incomplete_tail(held_);
  // The first two bytes of a surrogate never become a character, yet decoders in use wait for the third before they
  // show what is wrong with it; so do we, to cut the text into the same parts.
  if (unfinished == 0 && held_.size() >= 2 && uint8_t(held_.end()[-2]) == 0xED && uint8_t(held_.back()) >= 0xA0 &&
      uint8_t(held_.back()) <= 0xBF)
    unfinished = 2;
  const size_t ready = held_.size() - unfinished;
  std::string shown = to_valid_utf8(std::string_view(held_).substr(0, ready));
  held_.erase(0, ready);
  return shown;
}

std::string StreamingDecoder::finish() {
  std::string rest = to_valid_utf8(held_);
  held_.clear();
  return rest;
}

}  // namespace limpid
