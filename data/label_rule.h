#pragma once
// What labels mean: declared by the user, never learnt from the records. A rule is one line of text, in three forms:
//
//   negative, positive, drop neutral      classes by name: the class is the place among the names, from 0. A record
//                                         with a label that is named after 'drop' is left out.
//   <0 -> 0, >0 -> 1, drop 0              classes by a number: each clause says which numbers are which class, or left
//                                         out. Numbers are told by a value or by one or two of < <= > >= with values,
//                                         such as >=-0.5 <0.5. No number may fit two clauses.
//   range -4 4                            no classes: a number, which must lie in the declared range (ends included).
//
// There are 2 to 256 classes, numbered from 0 without gaps. Blanks around names are read over; a name holds no comma
// and no '->', and the first form does not begin with 'range '. Fields are compared byte by byte and numbers are
// decimal, as in 12, -0.5 or 1e3.
//
// What a rule makes of a record depends on that record alone.

#include <string>
#include <string_view>
#include <vector>

namespace sotto::data {

class LabelRule {
 public:
  // Throws UsageError for a text that is not as above.
  static LabelRule parse(std::string_view text);

  struct Verdict {
    enum class Kind { labelled, dropped, refused };
    Kind kind = Kind::refused;
    double label = 0;    // labelled: the class, or the number of a range
    std::string reason;  // refused: what is wrong, without what the field holds
  };
  Verdict judge(std::string_view field) const;

  const std::string& text() const { return text_; }
  bool is_range() const { return class_names_.empty(); }
  // By class; a class by a number is called by its digits. Empty for a range.
  const std::vector<std::string>& class_names() const { return class_names_; }
  // The ends of a range; 0 otherwise.
  double low() const { return is_range() ? clauses_[0].low : 0; }
  double high() const { return is_range() ? clauses_[0].high : 0; }

 private:
  static constexpr int kDrop = -1;
  struct Clause {
    double low = 0, high = 0;
    bool low_open = false, high_open = false;
    int label = kDrop;
  };
  LabelRule() = default;
  void read_names();
  void read_clauses();
  void read_range(std::string_view ends);
  Clause clause(std::string_view text) const;
  [[noreturn]] void refuse(const std::string& what) const;
  std::string listed() const;  // the names, where they are few
  static bool overlap(const Clause& a, const Clause& b);

  std::string text_;
  std::vector<std::string> class_names_, dropped_names_;
  std::vector<Clause> clauses_;  // empty for classes by name; one for a range
};

}  // namespace sotto::data
