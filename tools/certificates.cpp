#include <fmt/format.h>
#include <sotto/models/file_bytes.h>
#include <sotto/models/script_file.h>
#include <sotto/privacy/atomic_file.h>
#include <sotto/privacy/certificate.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/certificates.h>
#include <sotto/tools/file_text.h>

#include <algorithm>

namespace sotto::tools {
namespace {

constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::string_view kBase = "base-", kNotPrivate = "NOT_PRIVATE.txt";
constexpr const char* kCertificate = "certificate.json";

void check(const std::string& name, const std::string& text, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    throw DataError(fmt::format("[certificate] {} of {}: {}", name, where, what));
  };
  if (text.size() > kMostBytes) refuse(fmt::format("longer than {} bytes", kMostBytes));
  if (!name.ends_with("certificate.json")) return;
  try {
    privacy::parse_certificate(text);
  } catch (const DataError& error) {
    refuse(error.what());
  }
}

}  // namespace

Certificates folder_certificates(const std::filesystem::path& folder) {
  Certificates result;
  for (const std::string& name : certificate_names()) {
    if (!is_there(folder / name)) continue;
    const std::string text = models::beginning_of("certificate", folder / name, kMostBytes + 1);
    check(name, text, folder.string());
    result[name] = text;
  }
  return result;
}

Certificates weights_certificates(const std::filesystem::path& weights, const models::Metadata& metadata) {
  Certificates result = folder_certificates(weights.parent_path());
  const auto privacy = metadata.find("privacy");
  if (privacy == metadata.end()) return result;
  if (privacy->second.starts_with("NOT PRIVATE")) {
    result.try_emplace(std::string(kNotPrivate), privacy->second + "\n");
  } else if (!result.contains(kCertificate)) {
    throw DataError(fmt::format(
        "[certificate] {} was trained by sotto, as its metadata say, and there is no {} beside it: what was "
        "spent for it is not known; put back the one of its run",
        weights.string(), kCertificate));
  }
  return result;
}

Certificates run_certificates(const RunFolder& run, const std::string& not_private, bool public_base) {
  Certificates result = folder_certificates(run.path());
  if (!not_private.empty()) result.try_emplace(std::string(kNotPrivate), "NOT PRIVATE: " + not_private + "\n");
  if (public_base && !any_not_private(base_of(result)))
    throw DataError(
        fmt::format("[certificate] config.toml of {} says that it began with weights that are NOT PRIVATE, "
                    "and no base-{} tells of them",
                    run.path().string(), kNotPrivate));
  return result;
}

Certificates script_certificates(const std::string& bytes, const std::filesystem::path& file) {
  Certificates result = models::script_texts(bytes, file.string(), certificate_names(), kMostBytes, "certificate");
  for (const auto& [inside, text] : result) check(inside, text, file.string());
  return result.empty() ? folder_certificates(file.parent_path()) : result;
}

Certificates as_base(const Certificates& certificates) {
  const std::vector<std::string> known = certificate_names();
  Certificates result;
  for (const auto& [name, text] : certificates) {
    const std::string base = std::string(kBase) + name;
    if (std::ranges::find(known, base) == known.end())
      throw DataError(fmt::format("[certificate] {}: weights that came of others more often than can be told", name));
    result[base] = text;
  }
  return result;
}

Certificates base_of(const Certificates& certificates) {
  Certificates result;
  for (const auto& [name, text] : certificates)
    if (name.starts_with(kBase)) result[name] = text;
  return result;
}

bool any_not_private(const Certificates& certificates) {
  return std::ranges::any_of(certificates, [](const auto& file) { return file.first.ends_with(kNotPrivate); });
}

Certificates merged(const Certificates& one, const Certificates& other) {
  Certificates result = one;
  for (const auto& [name, text] : other)
    if (result.try_emplace(name, text).first->second != text)
      throw DataError(
          fmt::format("[certificate] {}: there are two that tell different things; the weights are not those that "
                      "training began with",
                      name));
  return result;
}

void write_certificates(const Certificates& certificates, const std::filesystem::path& folder) {
  for (const auto& [name, text] : certificates) privacy::write_file_atomically(folder / name, text);
}

}  // namespace sotto::tools
