#include <sotto/privacy/error.h>
#include <sotto/privacy/lower_cells.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class Settling {
 public:
  Settling(std::vector<PairMass> cells, LossLattice& lattice)
      : lattice_(lattice), first_(lattice.first), fade_(std::exp(-lattice.step)), cells_(std::move(cells)) {}

  // From the offset outwards.
  void run() {
    const auto empty = [&](std::size_t i) { return cells_[i].p <= 0; };
    const std::size_t count = cells_.size();
    SOTTO_ASSERT(count == lattice_.lower.size() + 1 && count >= 4 && first_ < 0 &&
                 -first_ < static_cast<std::int64_t>(lattice_.lower.size()));
    SOTTO_ASSERT(empty(0) && empty(1) && empty(count - 2) && empty(count - 1));
    const bool high = excess(cell_at(0), 0) > 0;
    sweep_up(high ? 1 : 0);
    sweep_down(high ? 0 : -1);
  }

 private:
  double point(std::int64_t index) const { return lattice_.offset + static_cast<double>(index) * lattice_.step; }
  PairMass& cell_at(std::int64_t index) { return cells_[static_cast<std::size_t>(index - first_)]; }
  double& at(std::int64_t index) const {
    const std::int64_t last = static_cast<std::int64_t>(lattice_.lower.size()) - 1;
    return lattice_.lower[static_cast<std::size_t>(std::clamp<std::int64_t>(index - first_, 0, last))];
  }

  // p - e^point q of a cell, at most what it is: atoms only move down.
  double excess(const PairMass& mass, std::int64_t index) const {
    const double loss = point(index);
    if (loss > kLargestQuotientLoss) return -kInfinity;  // q is not known there
    const double raised = 1 + mass.error + kRoundoff * (16 + 4 * std::abs(loss));
    return mass.p * (1 - mass.error) - (mass.q + kQMassUnderflow) * std::exp(loss) * raised;
  }

  // Puts the cells of the points i >= from on the lattice, in rising order.
  void sweep_up(std::int64_t from) {
    const auto end = first_ + static_cast<std::int64_t>(cells_.size());
    for (std::int64_t i = from; i < end; ++i) {
      PairMass cell = cell_at(i);
      if (cell.p <= 0) continue;
      const std::int64_t goal = i;
      double above = excess(cell, goal);
      // Too low: with part of the next one, or all of it and of those after it.
      while (above < 0 && above > -kInfinity && i + 1 < end) {
        PairMass& next = cell_at(i + 1);
        const double gain = excess(next, goal);
        const bool enough = gain > -above;
        const double part = enough ? std::min(1.0, -above / gain * (1 + 1e-14)) : 1.0;
        move_part(next, part, cell);
        above = enough ? 0 : above + gain;
        if (!enough) ++i;
      }
      settle(cell, goal, above);
    }
  }

  // The same for i <= from, in falling order; an atom that is too high goes with part of those below.
  void sweep_down(std::int64_t from) {
    for (std::int64_t i = from; i >= first_; --i) {
      PairMass cell = cell_at(i);
      if (cell.p <= 0) continue;
      const std::int64_t goal = i;
      double above = excess(cell, goal);
      while (above > 0 && i > first_) {
        PairMass& next = cell_at(i - 1);
        const double loss = -excess(next, goal);
        if (!(loss >= 0)) break;
        const bool enough = loss > above;
        move_part(next, enough ? above / loss * (1 - 1e-14) : 1.0, cell);
        above = enough ? 0 : above - loss;
        if (!enough) --i;
      }
      settle(cell, goal, above);
    }
  }

  static void move_part(PairMass& from, double part, PairMass& to) {
    add(to, {from.p * part, from.q * part, from.error});
    from.p *= 1 - part;
    from.q *= 1 - part;
    from.error += 2 * kRoundoff;
  }

  // A cell whose atom lies near `index`; `above` is its excess there.
  void settle(const PairMass& cell, std::int64_t index, double above) {
    if (above >= 0 ? settle_from_below(cell, index, above, Lack::refuse) : settle_from_above(cell, index, above))
      return;
    // At the end of the range there is nothing to merge with on that side: the next point and the other side.
    if (above >= 0) {
      const double beyond = excess(cell, index + 1);
      if (beyond < 0 && settle_from_above(cell, index + 1, beyond)) return;
      settle_from_below(cell, index, above, Lack::round_down);
    } else {
      settle_from_below(cell, index - 1, std::max(0.0, excess(cell, index - 1)), Lack::round_down);
    }
  }

  enum class Lack { refuse, round_down };

  // An atom above `index` comes down to it with mass from the point below.
  bool settle_from_below(const PairMass& cell, std::int64_t index, double above, Lack lack) {
    double& below = at(index - 1);
    const double needed = above * fade_ / (1 - fade_) * (1 - 1e-12);
    if (needed > below && lack == Lack::refuse) return false;
    const double moved = std::min(below, needed);
    below -= moved;
    at(index) += moved + cell.p * (1 - cell.error);
    return true;
  }

  // An atom below `index` comes up to it with mass from the point above.
  bool settle_from_above(const PairMass& cell, std::int64_t index, double above) {
    double& next = at(index + 1);
    const double needed = -above / (1 - fade_) * (1 + 1e-12);
    if (needed > next) return false;
    next -= needed;
    at(index) += needed + cell.p * (1 - cell.error);
    return true;
  }

  LossLattice& lattice_;
  std::int64_t first_;
  double fade_;
  std::vector<PairMass> cells_;
};

}  // namespace

void settle_below(std::vector<PairMass> cells, LossLattice& lattice) {
  Settling(std::move(cells), lattice).run();
}

}  // namespace sotto::privacy
