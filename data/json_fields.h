#pragma once
// The fields of one record in a line of JSON.

#include <sotto/data/text_lines.h>

#include <span>
#include <string>
#include <vector>

namespace sotto::data {

// The line holds one object and nothing else; the result is its fields of these names, in their order. The first is a
// string; the others are strings, or numbers and truths, which stand for their spelling. Other fields may hold
// anything. `lines` refuses what is no such object, a name that occurs twice in one object, a missing field, another
// type, and a zero character in a field.
std::vector<std::string> json_fields(const std::string& line, std::span<const std::string> names,
                                     const TextLines& lines);

}  // namespace sotto::data
