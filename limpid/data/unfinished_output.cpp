#include "limpid/data/unfinished_output.h"

#include "limpid/core/parse.h"
#include "limpid/data/journal.h"

namespace limpid {
namespace {

constexpr std::string_view kBegin = R"({"format":1,"settings":)";

fs::path part_beside(fs::path output) { return output += ".part"; }

Json stamp_of(const fs::directory_entry& file) {
  return {{"bytes", file.file_size()}, {"changed", file.last_write_time().time_since_epoch().count()}};
}

}  // namespace

Json file_stamp(const fs::path& path) {
  std::error_code missing;
  const fs::path place = fs::canonical(path, missing);
  LIMPID_CHECK(!missing, IoError, path.string(), ": cannot be read: ", missing.message());
  Json stamp = {{"path", place.string()}};
  if (!fs::is_directory(place)) return stamp.update(stamp_of(fs::directory_entry(place))), stamp;
  Json files = Json::object();
  for (const auto& entry : fs::directory_iterator(place))
    if (entry.is_regular_file()) files[entry.path().filename().string()] = stamp_of(entry);
  stamp["files"] = sha256(to_text(files));
  return stamp;
}

std::string content_stamp(const fs::path& path) {
  return fs::is_directory(path) ? file_stamp(path).at("files").get<std::string>() : sha256_file(path);
}

UnfinishedOutput::UnfinishedOutput(fs::path output, const Json& settings)
    : output_(std::move(output)),
      log_(part_beside(output_)) {
  // Through text and back, so that numbers compare as they do in the file.
  const Json now = parse_json(to_text(settings), "settings");
  read_rows(now);
  if (rows_.empty()) begin(now);
}

UnfinishedOutput::~UnfinishedOutput() {
  std::error_code ignored;
  if (rows_.empty()) fs::remove(path(), ignored);
}

/// Reads what is there, which must be ours: a person may have put another file of that name there.
void UnfinishedOutput::read_rows(const Json& settings) {
  const std::string file = read_file(path());
  LIMPID_CHECK(file.starts_with(kBegin) || kBegin.starts_with(file), FormatError, path().string(),
               ": is not the unfinished output of an earlier run, expected ", kBegin,
               "…; delete it, or name another output");
  const std::string text = log_.read();
  Json before;
  for_each_line(text, [&](std::string_view line, size_t number) {
    const std::string source = concat(path().string(), ":", number);
    if (number == 1) {
      before = parse_json_line(line, source).at("settings");
      return;
    }
    const size_t space = line.find(' ');
    const auto index = parse_number<uint64_t>(line.substr(0, space));
    LIMPID_CHECK(index && space != std::string_view::npos, FormatError, source,
                 ": is no row of an unfinished output; delete the file to start over");
    const std::string_view row = line.substr(space + 1);
    parse_json_line(row, source);
    rows_[*index] = {uint64_t(row.data() - text.data()), row.size()};
  });
  if (rows_.empty()) return;  // nothing would be lost
  const std::string difference = describe_difference(before, settings);
  LIMPID_CHECK(difference.empty(), MismatchError, path().string(), ": holds ", rows_.size(),
               rows_.size() == 1 ? " finished row" : " finished rows", " of a run with other settings (", difference,
               "); finish it with the same ones, or delete the file to start over");
  log_.cut();
}

void UnfinishedOutput::begin(const Json& settings) {
  log_.clear();
  log_.append(concat(kBegin, to_text(settings), "}"));
}

void UnfinishedOutput::for_each_row(const std::function<void(std::string_view)>& visit) const {
  const auto file = MappedFile::open(path());
  const std::string_view text(reinterpret_cast<const char*>(file->bytes().data()), file->bytes().size());
  for (const auto& [index, place] : rows_) visit(text.substr(place.offset, place.size));
}

void UnfinishedOutput::add(uint64_t index, std::string_view line) {
  const std::string number = concat(index, " ");
  const uint64_t offset = log_.size() + number.size();
  log_.append(number + std::string(line));
  rows_[index] = {offset, line.size()};
}

void UnfinishedOutput::finish() {
  AtomicFile file(output_);
  for_each_row([&](std::string_view line) { file.write(std::string(line) + "\n"); });
  file.commit();
  rows_.clear();  // so that the part goes
}

}  // namespace limpid
