#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/json_integer.h>
#include <sotto/privacy/sha256.h>
#include <sotto/tools/file_text.h>
#include <sotto/tools/ledger_anchor.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace sotto::tools {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kSchema = 1;

}  // namespace

LedgerAnchor anchor_of(const privacy::LedgerContents& ledger) {
  // Up to the last complete line, which is the one that is anchored.
  const auto torn = static_cast<std::int64_t>(ledger.torn_releases.size());
  return {ledger.header.run, ledger.steps_charged() - torn, ledger.head_hash};
}

std::string to_json(const LedgerAnchor& anchor) {
  return Json{{"sotto_anchor", kSchema}, {"run", anchor.run}, {"steps", anchor.steps}, {"head_hash", anchor.head_hash}}
             .dump() +
         "\n";
}

LedgerAnchor parse_anchor(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  LedgerAnchor result;
  try {
    result = {json.at("run").get<std::string>(), privacy::json_integer(json.at("steps")),
              json.at("head_hash").get<std::string>()};
    if (to_json(result) == text && result.steps >= 0 && privacy::is_sha256_hex(result.head_hash)) return result;
  } catch (const Json::exception&) {
  } catch (const std::invalid_argument&) {
  }
  throw DataError(
      "[anchor] not an anchor of a ledger; must be one line of sotto verify --write-anchor, with its line feed");
}

LedgerAnchor read_anchor(const std::filesystem::path& path) {
  try {
    return parse_anchor(file_text(path));
  } catch (const DataError& error) {
    throw DataError(fmt::format("{} (in {})", error.what(), path.string()));
  }
}

}  // namespace sotto::tools
