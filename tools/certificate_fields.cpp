#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/tools/certificate_fields.h>
#include <sotto/tools/html_text.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sotto::tools {
namespace {

using Json = nlohmann::ordered_json;

void collect(const Json& value, const std::string& path, std::vector<CertificateField>& fields) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) collect(member, below(key), fields);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) collect(value[i], below(fmt::format("{}", i)), fields);
  } else {
    fields.push_back({path, value.is_string() ? value.get<std::string>() : value.dump()});
  }
}

}  // namespace

CertificateFields::CertificateFields(const privacy::Certificate& certificate) {
  collect(Json::parse(privacy::to_json(certificate)), "", fields_);
}

bool CertificateFields::contains(std::string_view path) const {
  return std::ranges::find(fields_, path, &CertificateField::path) != fields_.end();
}

const std::string& CertificateFields::text(std::string_view path) const {
  const auto found = std::ranges::find(fields_, path, &CertificateField::path);
  if (found == fields_.end()) throw InternalError(fmt::format("[CertificateFields] no field {}", path));
  return found->text;
}

std::string CertificateFields::html(std::string_view path, std::string_view tag) const {
  return fmt::format("<{0} data-field=\"{1}\">{2}</{0}>", tag, html_escaped(path), html_escaped(text(path)));
}

}  // namespace sotto::tools
