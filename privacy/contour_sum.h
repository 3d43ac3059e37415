#pragma once
// delta(epsilon) by the trapezoidal rule along one line, for every epsilon near the one it was made for. Not for users:
// what contour_accountant.h is made of.

#include <sotto/privacy/bracket.h>
#include <sotto/privacy/contour_line.h>
#include <sotto/privacy/contour_tail.h>

#include <complex>
#include <optional>
#include <vector>

namespace sotto::privacy {

class ContourSum {
 public:
  enum class Effort { rough, full };  // where nodes left out are bounded by ContourTail: how many are kept

  // The line goes through the saddle point, or left of it where |M| does not decay and that makes the sum cheaper.
  // Throws the UsageError of refuse_contour().
  ContourSum(const ContourProblem& problem, double epsilon, Effort effort);

  double c() const { return c_; }
  // Whether a sum with effort `full` could be better.
  bool rough() const { return rough_; }

  Bracket delta(double epsilon) const;

 private:
  struct Term {
    double omega;
    std::complex<double> value;
    double error;
  };
  // Aliases are negligible at this period. second_log is an upper bound of log M(second_c).
  struct Period {
    double value;
    double step;  // 2 pi / value, with so few digits that its multiples are exact
    double second_c;
    double second_log;
  };
  static Period period(const ContourProblem& problem, double c, double epsilon, double log_guess, double nats);
  bool sum_decaying(const ContourLine& line, const CertifiedLog& at_c);
  void choose_rare_line(const ContourProblem& problem, double epsilon);
  void sum_rare(const ContourProblem& problem, double epsilon, Effort effort);
  void add_terms(const ContourLine& line, const CertifiedLog& at_c, double count);
  void scale_by(const CertifiedLog& at_c);

  double c_;
  Period period_{};
  double log_scale_ = 0;
  double scale_error_ = 0;
  double truncation_ = 0;
  std::optional<ContourTail> tail_;
  bool rough_ = false;
  std::vector<Term> terms_;
};

}  // namespace sotto::privacy
