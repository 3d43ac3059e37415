// Every fault that is planted is noticed, and where none is, nothing is. The table of which was noticed by what is
// tests/planted/CAUGHT.md; with SOTTO_WRITE_CAUGHT=1 this program writes it.
//
// Detectors with keys from the operating system have false alarms: below 1e-6 for each of about 20 statistics a look
// (sampler_check.h, noise_check.h).

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "detectors.h"
#include "planted.h"

namespace sotto {
namespace {

const char* active = nullptr;

}  // namespace

bool planted(const char* name) {
  return active != nullptr && std::strcmp(active, name) == 0;
}

Planted::Planted(const char* name) {
  active = name;
}

Planted::~Planted() {
  active = nullptr;
}

namespace testing {
namespace {

struct Fault {
  const char* name;
  const char* row;
  const char* file;
};
constexpr Fault kFaults[] = {
#include <planted_faults.inc>
};

struct Caught {
  std::string by, what;
};

// The first detector that notices the fault.
Caught first_to_notice(const char* name) {
  const Planted planted(name);
  for (const Detector& detector : detectors())
    if (const Notice notice = detector.look()) return {detector.name, *notice};
  return {"nothing", ""};
}

std::string in_one_line(std::string text) {
  for (char& c : text)
    if (c == '\n' || c == '|') c = ' ';
  constexpr size_t kLongest = 160;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + " ...";
  return text;
}

constexpr const char* kHead =
    "# Planted faults, and what notices them\n"
    "\n"
    "Written by the programs below with `SOTTO_WRITE_CAUGHT=1` (tests/planted): each fault is planted alone into a "
    "copy of\n"
    "its source, and these look for it in this order: guard, probe, audit, verify. The first that notices it is named. "
    "The\n"
    "rows are those of `tests/HAZARDS.md`: the number of its section, then that of the row. Figures in the last "
    "column\n"
    "differ from run to run; the tests compare the others.\n";
constexpr const char* kColumns =
    "\n"
    "| fault | row | in | noticed by | what was said |\n"
    "|---|---|---|---|---|\n";

std::string in_file() {
  std::ifstream file(SOTTO_CAUGHT);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The sections of the file by their titles, which are the names of the programs.
std::map<std::string, std::string> sections() {
  std::map<std::string, std::string> result;
  const std::string text = in_file();
  for (size_t at = text.find("\n## "); at != std::string::npos;) {
    const size_t title = at + 4, body = text.find('\n', title) + 1, next = text.find("\n## ", body);
    result[text.substr(title, body - 1 - title)] = text.substr(body, next == std::string::npos ? next : next - body);
    at = next;
  }
  return result;
}

void write_section(const std::string& body) {
  std::map<std::string, std::string> all = sections();
  all[SOTTO_ZOO] = body;
  std::string text = kHead;
  for (const auto& [title, section] : all) text += "\n## " + title + "\n" + section;
  ASSERT_TRUE(std::ofstream(SOTTO_CAUGHT) << text);
}

std::string row_of(const Fault& fault, const Caught& caught) {
  return std::string("| `") + fault.name + "` | " + fault.row + " | " + fault.file + " | " + caught.by + " | " +
         in_one_line(caught.what) + " |\n";
}

// Every line without its last column.
std::set<std::string> without_sentences(const std::string& table) {
  std::set<std::string> rows;
  std::istringstream lines(table);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    size_t end = 0;
    for (int column = 0; column < 5; ++column) end = line.find('|', end) + 1;
    rows.insert(line.substr(0, end));
  }
  return rows;
}

TEST(PlantedFaults, WithoutAFaultEveryDetectorIsSilent) {
  for (const Detector& detector : detectors()) {
    const Notice notice = detector.look();
    EXPECT_FALSE(notice) << detector.name << ": " << notice.value_or("");
  }
}

TEST(PlantedFaults, EachIsNoticedAndTheTableSaysByWhat) {
  const char* only = std::getenv("SOTTO_PLANT");  // one fault by name
  std::string table = kColumns;
  std::map<std::string, int> by;
  for (const Fault& fault : kFaults) {
    if (only != nullptr && std::strcmp(only, fault.name) != 0) continue;
    const Caught caught = first_to_notice(fault.name);
    EXPECT_NE(caught.by, "nothing") << fault.name;
    const std::string row = row_of(fault, caught);
    std::cout << row << std::flush;
    table += row;
    ++by[caught.by];
  }
  if (only != nullptr) return;
  table += "\n" + std::to_string(std::size(kFaults)) + " faults:";
  for (const auto& [detector, count] : by) table += " " + detector + " " + std::to_string(count) + ",";
  table.back() = '.';
  table += '\n';
  if (std::getenv("SOTTO_WRITE_CAUGHT") != nullptr) return write_section(table);
  EXPECT_EQ(without_sentences(table), without_sentences(sections()[SOTTO_ZOO]))
      << "write it anew with SOTTO_WRITE_CAUGHT=1 and look at the difference";
}

}  // namespace
}  // namespace testing
}  // namespace sotto
