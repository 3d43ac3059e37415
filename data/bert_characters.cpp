#include <sotto/data/bert_characters.h>
#include <sotto/privacy/error.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace sotto::data {
namespace {

struct Range {
  char32_t first, last;
};

template <std::size_t size>
bool within(const std::array<Range, size>& ranges, char32_t c) {
  const auto after = std::ranges::upper_bound(ranges, c, {}, &Range::first);
  return after != ranges.begin() && c <= std::prev(after)->last;
}

// Hold all marks, punctuation and format characters that Unicode added after version 8, or classed anew, and none that
// it had: found by asking tokenizers 0.23.3 for every code point. Other characters in between do not matter.
constexpr std::array<Range, 41> kSinceUnicode8 = {
    {{0x61D, 0x61D},     {0x7FD, 0x7FD},     {0x890, 0x8E2},     {0x9FD, 0x9FE},     {0xA76, 0xA76},
     {0xAFA, 0xAFF},     {0xB55, 0xB55},     {0xC04, 0xC3C},     {0xC77, 0xC77},     {0xC84, 0xC84},
     {0xD00, 0xD00},     {0xD3B, 0xD3C},     {0xD81, 0xD81},     {0xEBA, 0xEBA},     {0xECE, 0xECE},
     {0x180F, 0x1886},   {0x1ABF, 0x1ACE},   {0x1B7D, 0x1B7E},   {0x1DF6, 0x1DFB},   {0x2E43, 0x2E5D},
     {0xA82C, 0xA82C},   {0xA8C5, 0xA8C5},   {0xA8FF, 0xA8FF},   {0xA9BD, 0xA9BD},   {0x10D24, 0x10F89},
     {0x11070, 0x11074}, {0x110C2, 0x110CD}, {0x111C9, 0x111C9}, {0x111CF, 0x111CF}, {0x1123E, 0x11241},
     {0x1133B, 0x1133B}, {0x11438, 0x1145E}, {0x11660, 0x1166C}, {0x116B9, 0x116B9}, {0x1182F, 0x11FFF},
     {0x12FF1, 0x13455}, {0x16E97, 0x16F4F}, {0x16FE2, 0x16FE4}, {0x1CF00, 0x1CF46}, {0x1E000, 0x1E4EF},
     {0x1E944, 0x1E95F}}};
// The same for marks with a place in the order of marks, and version 9.
constexpr std::array<Range, 18> kOrderedSinceUnicode9 = {{{0x7FD, 0x7FD},
                                                          {0x898, 0x8D3},
                                                          {0x9FE, 0x9FE},
                                                          {0xC3C, 0xC3C},
                                                          {0xD3B, 0xD3C},
                                                          {0xEBA, 0xEBA},
                                                          {0x1715, 0x1715},
                                                          {0x1ABF, 0x1ACE},
                                                          {0x1DF6, 0x1DFA},
                                                          {0xA82C, 0xA82C},
                                                          {0x10D24, 0x10F85},
                                                          {0x11070, 0x11070},
                                                          {0x1133B, 0x1133B},
                                                          {0x1145E, 0x1145E},
                                                          {0x11839, 0x11A99},
                                                          {0x11D42, 0x11F42},
                                                          {0x16FF0, 0x16FF1},
                                                          {0x1E08F, 0x1E4EF}}};
// Classed anew since version 8: the first two were punctuation, the third an accent.
constexpr char32_t kCanadianChi = 0x166D, kSharadaSandhi = 0x111C9, kHanunooPamudpod = 0x1734;
constexpr char32_t kSinceUnicode9Composed = 0x11938;

constexpr std::array<Range, 7> kIdeographs = {{{0x3400, 0x4DBF},
                                               {0x4E00, 0x9FFF},
                                               {0xF900, 0xFAFF},
                                               {0x20000, 0x2A6DF},
                                               {0x2A700, 0x2B81F},
                                               {0x2B920, 0x2CEAF},
                                               {0x2F800, 0x2FA1F}}};

utf8proc_int32_t number(char32_t c) {
  return static_cast<utf8proc_int32_t>(c);
}

utf8proc_category_t category(char32_t c) {
  return utf8proc_category(number(c));
}

}  // namespace

bool is_dropped(char32_t c) {
  if (c < 0x80) return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
  const auto kind = category(c);
  if (kind == UTF8PROC_CATEGORY_CF) return !within(kSinceUnicode8, c);
  return kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_CO || c == 0xFFFD;
}

bool is_white_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= '\t' && c <= '\r');
  const auto kind = category(c);
  return c == 0x85 || kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL || kind == UTF8PROC_CATEGORY_ZP;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
  if (c == kCanadianChi || c == kSharadaSandhi) return true;
  const auto kind = category(c);
  return kind >= UTF8PROC_CATEGORY_PC && kind <= UTF8PROC_CATEGORY_PO && !within(kSinceUnicode8, c);
}

bool is_ideograph(char32_t c) {
  return within(kIdeographs, c);
}

bool is_accent(char32_t c) {
  return c == kHanunooPamudpod || (category(c) == UTF8PROC_CATEGORY_MN && !within(kSinceUnicode8, c));
}

int combining_class(char32_t c) {
  const int place = utf8proc_get_property(number(c))->combining_class;
  return place != 0 && within(kOrderedSinceUnicode9, c) ? 0 : place;
}

std::size_t decompose(char32_t c, std::span<std::int32_t> to) {
  if (c == kSinceUnicode9Composed) {
    to[0] = number(c);
    return 1;
  }
  int boundary = 0;
  const auto size = utf8proc_decompose_char(number(c), to.data(), static_cast<utf8proc_ssize_t>(to.size()),
                                            UTF8PROC_DECOMPOSE, &boundary);
  SOTTO_ASSERT(size > 0 && size <= static_cast<utf8proc_ssize_t>(to.size()));
  return static_cast<std::size_t>(size);
}

std::size_t lower_case(char32_t c, std::span<std::int32_t> to) {
  constexpr char32_t kDottedCapitalI = 0x130, kDotAbove = 0x307;
  if (c == kDottedCapitalI) {
    to[0] = 'i';
    to[1] = number(kDotAbove);
    return 2;
  }
  to[0] = utf8proc_tolower(number(c));
  return 1;
}

}  // namespace sotto::data
