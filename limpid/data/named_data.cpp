#include "limpid/data/named_data.h"

#include <zlib.h>

#include <algorithm>

#include "limpid/core/json.h"
#include "limpid/core/names.h"
#include "limpid/core/resources.h"

namespace limpid {
namespace {

/// Returns what a gzip file holds, which must be `size` bytes; nothing when it is damaged or holds more or less.
std::string decompressed(const fs::path& path, uint64_t size) {
  const auto file = MappedFile::open(path);
  std::string content(size, '\0');
  z_stream stream{};
  if (inflateInit2(&stream, MAX_WBITS + 16) != Z_OK) return "";  // 16: a gzip header is expected
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(file->bytes().data()));
  stream.avail_in = uInt(file->bytes().size());
  stream.next_out = reinterpret_cast<Bytef*>(content.data());
  stream.avail_out = uInt(content.size());
  const bool whole = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return whole ? content : "";
}

}  // namespace

std::vector<NamedData> named_data() {
  const fs::path path = find_resource("data/index.json");
  const std::string source = path.string();
  std::vector<NamedData> list;
  for (const Json& row : require<Json>(read_json(path), "data", source)) {
    NamedData data;
    data.name = require<std::string>(row, "name", source);
    data.what = require<std::string>(row, "what", source);
    data.rows = require<size_t>(row, "rows", source);
    data.fields = require<std::vector<std::string>>(row, "fields", source);
    data.licence = require<std::string>(row, "licence", source);
    data.offensive = require<bool>(row, "offensive", source);
    data.file = require<std::string>(row, "file", source);
    data.bytes = require<uint64_t>(row, "bytes", source);
    data.sha256 = require<std::string>(row, "sha256", source);
    list.push_back(std::move(data));
  }
  return list;
}

NamedData find_named_data(const std::string& name) {
  const std::vector<NamedData> list = named_data();
  const auto data = std::find_if(list.begin(), list.end(), [&](const NamedData& set) { return set.name == name; });
  LIMPID_CHECK(data != list.end(), ConfigError, "[data] no data of the name \"", name,
               "\" come with Limpid; there are ", join(list, ", ", &NamedData::name));
  return *data;
}

std::string read_named_data(const NamedData& data) {
  const fs::path path = find_resource(data.file);
  std::string content = path.extension() == ".gz" ? decompressed(path, data.bytes) : read_file(path);
  LIMPID_CHECK(sha256(content) == data.sha256, FormatError, "[data] ", path.string(),
               ": is not the file that came with Limpid (its SHA-256 differs); damaged or changed?");
  return content;
}

fs::path resolve_data(const fs::path& path_or_name) {
  std::error_code ignored;
  const fs::file_type type = fs::status(path_or_name, ignored).type();
  const bool exists = type != fs::file_type::not_found && type != fs::file_type::none;
  if (exists && type != fs::file_type::directory) return path_or_name;  // a folder named like a set is not meant
  const std::string name = path_or_name.string();
  if (name.empty() || name == "-" || name.find_first_of("./") != std::string::npos) return path_or_name;

  const std::vector<NamedData> list = named_data();
  const auto data = std::find_if(list.begin(), list.end(), [&](const NamedData& set) { return set.name == name; });
  if (data == list.end() && exists) return path_or_name;
  LIMPID_CHECK(data != list.end(), IoError, name, ": no such file, and no data of that name come with Limpid (",
               join(list, ", ", &NamedData::name), ")");
  fs::path file = data->file;
  if (file.extension() != ".gz") return find_resource(data->file);
  file.replace_extension();
  const fs::path cached =
      cache_dir() / "data" / concat(name, "-", data->sha256.substr(0, 8), file.extension().string());
  if (!fs::is_regular_file(cached, ignored) || fs::file_size(cached, ignored) != data->bytes)
    write_file(cached, read_named_data(*data));
  return cached;
}

}  // namespace limpid
