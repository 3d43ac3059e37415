#pragma once
// What reads the lines of a ledger one after the other, strictly: one reader for each schema that was ever written.

#include <sotto/privacy/ledger_contents.h>

#include <memory>
#include <string>
#include <string_view>

namespace sotto::privacy {

class LedgerReader {
 public:
  virtual ~LedgerReader() = default;

  // A complete line, without its line feed. Throws an exception of the standard library or an Error for anything but
  // the next line of a ledger in its exact text.
  void read(std::string_view line);
  // What follows the last line feed: counts as spent as far as it may be a charge.
  void read_torn(std::string_view line);

  const LedgerContents& contents() const { return contents_; }

 protected:
  // Takes what the line says into contents_ and returns the line's hash. contents_.head_hash is that of the line
  // before.
  virtual std::string take(std::string_view line) = 0;
  virtual std::vector<std::size_t> torn_releases(std::string_view line) const = 0;
  virtual bool torn_evaluation(std::string_view) const { return false; }

  LedgerContents contents_;
};

// For the schema that the first line states. Throws std::invalid_argument for one that no reader knows.
std::unique_ptr<LedgerReader> make_ledger_reader(std::string_view first_line);

// Schema 1, which is read and no longer written.
std::unique_ptr<LedgerReader> make_first_ledger_reader();

namespace detail {
// Throws std::invalid_argument.
void require(bool condition, const char* what);
// Number of a step to be charged.
void require_next_step(const LedgerContents& contents, std::int64_t step);
}  // namespace detail

}  // namespace sotto::privacy
