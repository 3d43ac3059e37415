#pragma once
// The flags of `sotto account` as typed. They stay text until somebody asks for a value, because CLI11 takes numbers in
// the user's locale and lets some nonsense pass (numbers.h).

#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sotto::tools {

class AccountFlags {
 public:
  bool has(std::string_view flag) const { return texts_.contains(flag); }
  // The value typed, or "" where there is none.
  std::string_view text(std::string_view flag) const;
  // The value typed; throws UsageError that says what the flag is for where there is none.
  std::string_view required(std::string_view flag) const;
  // Throws UsageError "[flag] does not apply ...: reason" when the flag was given.
  void refuse(std::string_view flag, std::string_view where, std::string_view reason) const;

  void set(std::string_view flag, std::string text) { texts_.insert_or_assign(std::string(flag), std::move(text)); }

  std::vector<std::string> phases;  // each --phase
  bool json = false;
  bool csv = false;
  bool estimate = false;

 private:
  std::map<std::string, std::string, std::less<>> texts_;
};

// Gives `query` the flags named, which must be among those of account_flags.cpp; they are stored in `flags` when
// parsed.
void add_account_flags(CLI::App& query, const std::vector<std::string_view>& names,
                       const std::shared_ptr<AccountFlags>& flags);

}  // namespace sotto::tools
