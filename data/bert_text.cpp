#include <sotto/data/bert_characters.h>
#include <sotto/data/bert_text.h>
#include <sotto/data/code_points.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace sotto::data {
namespace {

// One stage after the other, a code point at a time.
class Splitter {
 public:
  Splitter(const BertTextSettings& settings, const std::function<bool(std::string_view, std::size_t)>& word)
      : settings_(settings), strip_(settings.strips_accents()), call_(word) {}

  // False once no more words are wanted.
  bool take(char32_t c) {
    if (settings_.clean_text && is_dropped(c)) return wanted_;
    const bool apart = settings_.handle_chinese_chars && is_ideograph(c);
    if (apart) strip(' ');
    strip(c);
    if (apart) strip(' ');
    return wanted_;
  }

  void end() {
    order_marks();
    end_word();
  }

 private:
  void strip(char32_t c) {
    if (!strip_) {
      lower(c);
    } else if (c < 0x80) {
      order_marks();
      lower(c);
    } else {
      std::array<std::int32_t, kLongestDecomposition> parts;
      const std::size_t count = decompose(c, parts);
      for (std::size_t i = 0; i < count; ++i) mark_or_base(static_cast<char32_t>(parts[i]));
    }
  }

  // Marks wait for all that follow the same base: the canonical order is by class. Accents are dropped, but those of
  // class 0 end a run like a base.
  void mark_or_base(char32_t c) {
    const int place = combining_class(c);
    if (place == 0) order_marks();
    if (is_accent(c)) return;
    if (place == 0) {
      lower(c);
    } else {
      marks_.push_back({place, c});
    }
  }

  void order_marks() {
    if (marks_.empty()) return;
    std::ranges::stable_sort(marks_, {}, &Mark::place);
    for (const Mark& mark : marks_) lower(mark.code_point);
    marks_.clear();
  }

  void lower(char32_t c) {
    if (!settings_.lowercase) {
      split(c);
    } else if (c < 0x80) {
      split(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    } else {
      std::array<std::int32_t, 2> parts;
      const std::size_t count = lower_case(c, parts);
      for (std::size_t i = 0; i < count; ++i) split(static_cast<char32_t>(parts[i]));
    }
  }

  void split(char32_t c) {
    if (is_white_space(c)) {
      end_word();
    } else if (is_punctuation(c)) {
      end_word();
      add(c);
      end_word();
    } else {
      add(c);
    }
  }

  void add(char32_t c) {
    append_code_point(word_, c);
    ++size_;
  }

  void end_word() {
    if (size_ > 0 && wanted_) wanted_ = call_(word_, size_);
    word_.clear();
    size_ = 0;
  }

  struct Mark {
    int place;
    char32_t code_point;
  };
  const BertTextSettings& settings_;
  const bool strip_;
  const std::function<bool(std::string_view, std::size_t)>& call_;
  std::vector<Mark> marks_;
  std::string word_;
  std::size_t size_ = 0;
  bool wanted_ = true;
};

}  // namespace

void for_each_bert_word(std::string_view text, const BertTextSettings& settings,
                        const std::function<bool(std::string_view word, std::size_t code_points)>& word) {
  Splitter splitter(settings, word);
  for (std::size_t at = 0; at < text.size();)
    if (!splitter.take(next_code_point(text, at))) return;
  splitter.end();
}

}  // namespace sotto::data
