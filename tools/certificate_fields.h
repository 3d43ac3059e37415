#pragma once
// What a certificate says, value by value, in exactly the text of its JSON.

#include <sotto/privacy/certificate.h>

#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

struct CertificateField {
  std::string path;  // keys and places in arrays with full stops between: planned.epsilon, not_covered.0
  std::string text;  // a number or truth as the JSON writes it; a text without its quotes

  friend bool operator==(const CertificateField&, const CertificateField&) = default;
};

class CertificateFields {
 public:
  // Throws UsageError for an invalid certificate.
  explicit CertificateFields(const privacy::Certificate& certificate);

  // In the order of the JSON; empty objects and arrays have no field.
  const std::vector<CertificateField>& all() const { return fields_; }
  bool contains(std::string_view path) const;
  // Throws InternalError where there is none.
  const std::string& text(std::string_view path) const;
  // <TAG data-field="PATH">TEXT</TAG>, escaped. Throws like text().
  std::string html(std::string_view path, std::string_view tag = "span") const;

 private:
  std::vector<CertificateField> fields_;
};

}  // namespace sotto::tools
