#include <fmt/format.h>
#include <sotto/privacy/error.h>
#include <sotto/privacy/loss_lattice.h>
#include <sotto/privacy/lower_cells.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace sotto::privacy {
namespace {

constexpr double kRoundoff = std::numeric_limits<double>::epsilon() / 2;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kLittleLost = 0.01;
constexpr double kSmallestTail = 1e-290;
constexpr double kSettled = 64 * kRoundoff;  // rounding of an atom that was merged to lie on the lattice

using Piece = OneStepLoss::Piece;

// A piece between its cuts.
struct CutPiece {
  const LossPair& pair;
  double from, to;     // as the piece, may be infinite
  double left, right;  // finite
  double left_loss, right_loss;
  double weight;

  PairMass mass(double a, double b) const {
    PairMass mass = pair.mass(a, b);
    mass.p *= weight;
    mass.q *= weight;
    mass.error += 2 * kRoundoff;
    return mass;
  }
};

CutPiece cut(const Piece& piece, double tail) {
  const LossPair& pair = *piece.pair;
  const double left = std::max(piece.from, pair.left_cut(tail));
  // Towards a finite largest loss there are few points, and a tilt can give them weight.
  const double right_tail = std::isfinite(pair.loss(piece.to)) ? kSmallestTail : tail;
  const double right = std::max(left, std::min(piece.to, pair.right_cut(right_tail)));
  return {pair, piece.from, piece.to, left, right, pair.loss(left), pair.loss(right), piece.weight};
}

// Half a lattice cell.
struct HalfCell {
  PairMass mass;
  double moved = 0;  // by how much the loss at its ends is beside the lattice, at most
};

class Discretiser {
 public:
  // Where the cell is that gives the offset: around the bulk, or at a finite end of the losses.
  enum class Anchor { bulk, end };

  Discretiser(const OneStepLoss& loss, double step, double tail, Anchor anchor)
      : step_(step), fade_(std::exp(-step)), anchor_(anchor) {
    lattice_.step = step;
    for (const Piece& piece : loss.pieces) pieces_.push_back(cut(piece, tail));
    choose_offset(loss);
    allocate(loss);
    for (const CutPiece& piece : pieces_) add_piece(piece);
    for (const OneStepLoss::Atom& atom : loss.atoms) add_atom(atom);
    for (std::size_t i = 0; i < lattice_.upper.size(); ++i) split(i);
    add_lower();
    for (double& mass : lattice_.lower) mass *= 1 - loss.raised;
    lattice_.upper_infinity += loss.mass_at_infinity * (1 + 4 * kRoundoff);
    lattice_.lower_infinity += loss.mass_at_infinity * (1 - 4 * kRoundoff);
    // Losses are formed as offset + index * step.
    const double largest = std::max(std::abs(point(lattice_.first)),
                                    std::abs(point(lattice_.first + static_cast<std::int64_t>(lattice_.upper.size()))));
    lattice_.upper_shift += 4 * kRoundoff * largest;
    lattice_.lower_shift += kSettled + 4 * kRoundoff * largest;
  }

  LossLattice take() { return std::move(lattice_); }

  // Q-mass that rounding down has added: what the lower law has lost beyond O(step^2).
  double lost() const {
    double sum = -1;
    for (std::size_t i = 0; i < lattice_.lower.size(); ++i)
      if (lattice_.lower[i] > 0)
        sum += lattice_.lower[i] * std::exp(-point(lattice_.first + static_cast<std::int64_t>(i)));
    return sum;
  }

 private:
  double point(std::int64_t index) const { return lattice_.offset + static_cast<double>(index) * step_; }
  double half_point(std::int64_t index) const { return lattice_.offset + static_cast<double>(index) * (step_ / 2); }
  std::int64_t floor_index(double loss) const {
    return static_cast<std::int64_t>(std::floor((loss - lattice_.offset) / step_));
  }
  std::int64_t ceil_index(double loss) const {
    return static_cast<std::int64_t>(std::ceil((loss - lattice_.offset) / step_));
  }

  void choose_offset(const OneStepLoss& loss) {
    if (!loss.atoms.empty()) {
      lattice_.offset = loss.atoms.front().loss;
      return;
    }
    SOTTO_ASSERT(!pieces_.empty());
    const CutPiece& piece = pieces_.front();
    const double bottom = piece.pair.loss(piece.from), top = piece.pair.loss(piece.to);
    const bool from_bottom = anchor_ == Anchor::end && std::isfinite(bottom);
    const bool from_top = anchor_ == Anchor::end && !from_bottom && std::isfinite(top);
    double anchor = from_bottom ? bottom
                    : from_top  ? top
                                : piece.pair.loss(std::clamp(piece.pair.centre(), piece.left, piece.right));
    double change_before = kInfinity;
    for (int i = 0; i < 100; ++i) {
      const double low = anchor - step_ / 2, high = anchor + step_ / 2;
      const double from =
          low > piece.left_loss && !from_bottom ? piece.pair.inverse(low, piece.left, piece.right).u : piece.from;
      const double to = high < piece.right_loss && !from_top
                            ? piece.pair.inverse(std::max(high, piece.left_loss), piece.left, piece.right).u
                            : piece.to;
      const PairMass mass = piece.pair.mass(from, to);
      if (!(mass.p > 0 && mass.q > 0)) break;
      const double next = std::log(mass.p / mass.q) - 4 * mass.error - 64 * kRoundoff;
      const double change = std::abs(next - anchor);
      anchor = next;
      // Reached; or, in the middle of a smooth density, there is no fixed point and none is needed.
      if (change <= kRoundoff || (change > change_before / 2 && !from_bottom && !from_top)) break;
      change_before = change;
    }
    lattice_.offset = anchor;
  }

  void allocate(const OneStepLoss& loss) {
    double low = lattice_.offset, high = lattice_.offset;
    const auto include = [&](double value) {
      if (!std::isfinite(value)) return;
      low = std::min(low, value);
      high = std::max(high, value);
    };
    for (const CutPiece& piece : pieces_) {
      if (!std::isfinite(piece.left_loss) || !std::isfinite(piece.right_loss))
        throw UsageError(
            fmt::format("[discretise] losses from {} to {} are beyond a double", piece.left_loss, piece.right_loss));
      include(piece.left_loss);
      include(piece.right_loss);
      include(piece.pair.loss(piece.to));
    }
    for (const OneStepLoss::Atom& atom : loss.atoms) include(atom.loss);
    if (!((high - low) / step_ < static_cast<double>(kLargestLattice) - 16))
      throw UsageError(fmt::format("[discretise] step {} is too small for losses from {} to {}; allowed are {} points",
                                   step_, low, high, kLargestLattice));
    // Neighbours on the lattice must be different numbers.
    if (!(step_ > 64 * kRoundoff * std::max(std::abs(low), std::abs(high))))
      throw UsageError(fmt::format("[discretise] step {} is too small beside losses from {} to {}", step_, low, high));
    lattice_.first = floor_index(low) - 4;
    const std::int64_t last = ceil_index(high) + 4;
    lattice_.upper.assign(static_cast<std::size_t>(last - lattice_.first + 1), 0.0);
    lattice_.lower = lattice_.upper;
    halves_.resize(2 * lattice_.upper.size());
  }

  double& at(std::vector<double>& masses, std::int64_t index) const {
    const std::int64_t last = static_cast<std::int64_t>(masses.size()) - 1;
    return masses[static_cast<std::size_t>(std::clamp<std::int64_t>(index - lattice_.first, 0, last))];
  }

  // Half cell `index` lies between the half lattice points `index` and `index` + 1.
  HalfCell& half(std::int64_t index) {
    const std::int64_t last = static_cast<std::int64_t>(halves_.size()) - 1;
    return halves_[static_cast<std::size_t>(std::clamp<std::int64_t>(index - 2 * lattice_.first, 0, last))];
  }

  void add_piece(const CutPiece& piece) {
    const LossPair& pair = piece.pair;
    if (piece.from < piece.left) {
      const PairMass rest = piece.mass(piece.from, piece.left);
      at(lattice_.upper, ceil_index(piece.left_loss)) += rest.p * (1 + rest.error);
    }
    double u = piece.left, error = pair.loss_error(u);
    lattice_.upper_shift = std::max(lattice_.upper_shift, error);
    std::int64_t index = 2 * floor_index(piece.left_loss);
    while (half_point(index + 1) <= piece.left_loss) ++index;
    for (; u < piece.right; ++index) {
      const double end = half_point(index + 1);
      LossPair::Inverse next{piece.right, pair.loss_error(piece.right)};
      if (end < piece.right_loss) next = pair.inverse(end, u, piece.right);
      HalfCell& cell = half(index);
      if (next.u > u) add(cell.mass, piece.mass(u, next.u));
      cell.moved = std::max(cell.moved, error + next.error);
      lattice_.upper_shift = std::max(lattice_.upper_shift, next.error);
      u = next.u;
      error = next.error;
    }
    if (piece.right < piece.to) {
      const PairMass rest = piece.mass(piece.right, piece.to);
      const double top = pair.loss(piece.to);
      if (std::isfinite(top))
        at(lattice_.upper, ceil_index(top) + 1) += rest.p * (1 + rest.error);
      else
        lattice_.upper_infinity += rest.p * (1 + rest.error);
      only_lower_.push_back({index - 1, rest});
    }
  }

  // Both masses of the cell between a point and the next on these two.
  void split(std::size_t place) {
    const HalfCell &first = halves_[2 * place], &second = halves_[2 * place + 1];
    PairMass mass = first.mass;
    add(mass, second.mass);
    if (mass.p <= 0 && mass.q <= 0) return;
    const std::int64_t index = lattice_.first + static_cast<std::int64_t>(place);
    const double start = point(index);
    const double whole = mass.p * (1 + mass.error) + std::numeric_limits<double>::min();
    double up = whole;
    if (start < kLargestQuotientLoss && mass.q > 0) {
      const double margin = 2 * mass.error + first.moved + second.moved + kRoundoff * (8 + 4 * std::abs(start));
      const double least_q = std::max(0.0, mass.q - kQMassUnderflow);
      up = (mass.p - least_q * std::exp(start) + margin * whole) / (1 - fade_);
    }
    up = std::clamp(up, 0.0, whole);
    at(lattice_.upper, index + 1) += up;
    at(lattice_.upper, index) += whole - up;
  }

  // Cells around the lattice points, put on them from the offset outwards.
  void add_lower() {
    for (const auto& [index, mass] : only_lower_) add(half(index).mass, mass);
    std::vector<PairMass> cells(lattice_.lower.size() + 1);
    for (std::size_t i = 0; i < halves_.size(); ++i) add(cells[(i + 1) / 2], halves_[i].mass);
    std::vector<HalfCell>().swap(halves_);
    for (const auto& [index, mass] : atoms_) add(cells[static_cast<std::size_t>(index - lattice_.first)], mass);
    settle_below(std::move(cells), lattice_);
  }

  void add_atom(const OneStepLoss::Atom& atom) {
    const double rounding = 8 * kRoundoff * (std::abs(atom.loss) + std::abs(lattice_.offset));
    const std::int64_t index = floor_index(atom.loss + rounding);
    const double part = std::clamp(atom.loss - point(index), 0.0, step_);
    const double up = std::min(1.0, (-std::expm1(-part) + rounding) / (1 - fade_));
    const double whole = atom.mass * (1 + 8 * kRoundoff) + atom.error;
    at(lattice_.upper, index + 1) += up * whole;
    at(lattice_.upper, index) += (1 - up) * whole;
    const std::int64_t nearest = part > step_ / 2 ? index + 1 : index;
    const double least = std::max(0.0, atom.mass * (1 - 8 * kRoundoff) - atom.error);
    // An atom on the lattice gets the Q-mass that says so.
    const bool on_it = std::abs(atom.loss - point(nearest)) <= rounding;
    if (on_it)
      at(lattice_.lower, nearest) += least;
    else
      atoms_.push_back({nearest, PairMass{least, least * std::exp(-atom.loss), 8 * kRoundoff + rounding}});
    lattice_.upper_shift = std::max(lattice_.upper_shift, rounding);
    lattice_.lower_shift = std::max(lattice_.lower_shift, rounding);
  }

  double step_, fade_;
  Anchor anchor_;
  LossLattice lattice_;
  std::vector<CutPiece> pieces_;
  std::vector<HalfCell> halves_;
  struct Extra {
    std::int64_t index;
    PairMass mass;
  };
  std::vector<Extra> only_lower_;  // half cells: right tails, which are at infinity in the upper law
  std::vector<Extra> atoms_;       // cells
};

}  // namespace

LossLattice discretise(const OneStepLoss& loss, double step, double tail) {
  if (!(step > 0 && step <= kLargestStep && tail > 0 && tail < 1))
    throw UsageError(fmt::format(
        "[discretise] step {} and tail {}; allowed are a step in (0, 100] and a tail in (0, 1)", step, tail));
  Discretiser bulk(loss, step, tail, Discretiser::Anchor::bulk);
  if (!loss.atoms.empty() || bulk.lost() <= kLittleLost * step * step) return bulk.take();
  Discretiser end(loss, step, tail, Discretiser::Anchor::end);
  return (bulk.lost() <= end.lost() ? bulk : end).take();
}

double loss_range(const OneStepLoss& loss, double tail) {
  double low = kInfinity, high = -kInfinity;
  for (const Piece& piece : loss.pieces) {
    const CutPiece here = cut(piece, tail);
    low = std::min(low, here.left_loss);
    high = std::max(high, here.right_loss);
  }
  for (const OneStepLoss::Atom& atom : loss.atoms) {
    low = std::min(low, atom.loss);
    high = std::max(high, atom.loss);
  }
  return high > low ? high - low : 0;
}

}  // namespace sotto::privacy
