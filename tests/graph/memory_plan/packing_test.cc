#include "graph/runtime/packing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "graph/base/random.h"

namespace graph {
namespace {

void ExpectNoOverlap(const std::vector<Piece>& pieces) {
  for (size_t i = 0; i < pieces.size(); ++i) {
    const Piece& a = pieces[i];
    EXPECT_EQ(a.offset % 64, 0u);
    for (size_t j = 0; j < i; ++j) {
      const Piece& b = pieces[j];
      if (a.bytes == 0 || b.bytes == 0 || a.last < b.first || b.last < a.first) continue;
      ASSERT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset)
          << i << " and " << j << " overlap";
    }
  }
}

int Below(int end, RandomStream* random) { return static_cast<int>(random->Below(end)); }

// Long lives and short ones, large pieces and small ones.
std::vector<Piece> RandomPieces(int count, int times, RandomStream* random) {
  std::vector<Piece> pieces;
  for (int i = 0; i < count; ++i) {
    Piece piece;
    piece.first = Below(times, random);
    const int longest = times - piece.first;
    piece.last =
        piece.first + Below(Below(3, random) == 0 ? longest : std::min(longest, 4), random);
    piece.bytes = 64u * Below(Below(4, random) == 0 ? 1000 : 50, random);
    pieces.push_back(piece);
  }
  return pieces;
}

// A rectangle of time and memory without holes, cut in pieces: it can be packed as high
// as it was.
void Cut(Piece whole, int cuts, RandomStream* random, std::vector<Piece>* pieces) {
  const int length = whole.last - whole.first + 1;
  const int units = static_cast<int>(whole.bytes / 64);
  const bool in_time = units < 2 || (length > 1 && Below(2, random) == 0);
  if (cuts == 0 || (in_time ? length : units) < 2) return pieces->push_back(whole);
  Piece one = whole, other = whole;
  if (in_time) {
    one.last = whole.first + Below(length - 1, random);
    other.first = one.last + 1;
  } else {
    one.bytes = 64u * (1 + Below(units - 1, random));
    other.bytes = whole.bytes - one.bytes;
  }
  Cut(one, cuts - 1, random, pieces);
  Cut(other, cuts - 1, random, pieces);
}

// By all orders of lowest fits, one of which makes every packing without floating pieces.
size_t LeastHeight(std::vector<Piece> pieces) {
  std::vector<int> order(pieces.size());
  std::iota(order.begin(), order.end(), 0);
  size_t least = static_cast<size_t>(-1);
  do {
    for (size_t k = 0; k < order.size(); ++k) {
      Piece& piece = pieces[order[k]];
      piece.offset = 0;
      for (bool moved = true; moved;) {
        moved = false;
        for (size_t j = 0; j < k; ++j) {
          const Piece& other = pieces[order[j]];
          if (other.last < piece.first || piece.last < other.first) continue;
          if (other.offset + other.bytes <= piece.offset) continue;
          if (piece.offset + piece.bytes <= other.offset) continue;
          piece.offset = other.offset + other.bytes;
          moved = true;
        }
      }
    }
    least = std::min(least, PackingHeight(pieces));
  } while (std::next_permutation(order.begin(), order.end()));
  return least;
}

TEST(PackingTest, NothingNeedsNothing) {
  std::vector<Piece> none;
  EXPECT_EQ(Pack(&none), 0u);
  std::vector<Piece> empty = {{0, 3, 0, 0}, {2, 2, 0, 0}};
  EXPECT_EQ(Pack(&empty), 0u);
  EXPECT_EQ(PackingBound(empty), 0u);
}

TEST(PackingTest, PiecesThatMeetInTimeLieApart) {
  std::vector<Piece> pieces = {{0, 1, 64, 0}, {1, 2, 128, 0}, {2, 3, 64, 0}};
  EXPECT_EQ(AliveBytes(pieces), (std::vector<size_t>{64, 192, 192, 64}));
  EXPECT_EQ(Pack(&pieces), 192u);
  ExpectNoOverlap(pieces);
}

TEST(PackingTest, RandomPiecesLieApartAndRepackingNeverHarms) {
  RandomStream random(3, Purpose::kNoise);
  for (const int count : {1, 2, 10, 60, 300}) {
    for (const int times : {1, 7, 200}) {
      const std::vector<Piece> given = RandomPieces(count, times, &random);
      std::vector<Piece> greedy = given, packed = given;
      const size_t greedy_height = PackGreedily(&greedy);
      const size_t height = Pack(&packed);
      ExpectNoOverlap(greedy);
      ExpectNoOverlap(packed);
      EXPECT_EQ(height, PackingHeight(packed));
      EXPECT_LE(height, greedy_height);
      EXPECT_GE(height, PackingBound(given));
      // From the worst start, everything on top of each other.
      std::vector<Piece> stacked = given;
      size_t top = 0;
      for (Piece& piece : stacked) {
        piece.offset = top;
        top += piece.bytes;
      }
      EXPECT_LE(Repack(0, &stacked), top);
      ExpectNoOverlap(stacked);
      EXPECT_LE(PackingHeight(stacked), greedy_height + greedy_height / 10);
    }
  }
}

TEST(PackingTest, TheSamePiecesArePackedTheSameWay) {
  RandomStream random(4, Purpose::kNoise);
  std::vector<Piece> one = RandomPieces(300, 100, &random);
  std::vector<Piece> other = one;
  // Where they lay before does not matter.
  for (Piece& piece : other) piece.offset = 6400;
  Pack(&one);
  Pack(&other);
  for (size_t i = 0; i < one.size(); ++i) {
    if (one[i].bytes == 0) continue;
    EXPECT_EQ(one[i].offset, other[i].offset);
  }
}

TEST(PackingTest, WhatIsLowEnoughStaysWhereItIs) {
  std::vector<Piece> pieces = {{0, 1, 64, 128}, {0, 1, 64, 0}};
  EXPECT_EQ(Repack(192, &pieces), 192u);
  EXPECT_EQ(pieces[0].offset, 128u);
  EXPECT_EQ(Repack(128, &pieces), 128u);
  ExpectNoOverlap(pieces);
}

TEST(PackingTest, CutRectanglesAreNearlyFilled) {
  RandomStream random(5, Purpose::kNoise);
  double greedy_sum = 0, sum = 0;
  for (int i = 0; i < 20; ++i) {
    const Piece whole = {0, 99, 64 * 10000, 0};
    std::vector<Piece> pieces;
    Cut(whole, 4 + i % 5, &random, &pieces);
    ASSERT_EQ(PackingBound(pieces), whole.bytes);
    std::vector<Piece> greedy = pieces;
    const double bound = static_cast<double>(whole.bytes);
    greedy_sum += static_cast<double>(PackGreedily(&greedy)) / bound;
    const double height = static_cast<double>(Pack(&pieces)) / bound;
    sum += height;
    EXPECT_LE(height, 1.1) << pieces.size() << " pieces";
    ExpectNoOverlap(pieces);
  }
  EXPECT_LE(sum / 20, 1.02);
  EXPECT_LT(sum, greedy_sum);
}

TEST(PackingTest, AFewPiecesArePackedAsLowAsAnyOrderDoes) {
  RandomStream random(6, Purpose::kNoise);
  int higher = 0;
  for (int i = 0; i < 60; ++i) {
    std::vector<Piece> pieces;
    for (int k = 0; k < 7; ++k) {
      const int first = Below(8, &random);
      pieces.push_back(
          {first, first + Below(8 - first, &random), 64u * (1 + Below(9, &random)), 0});
    }
    const size_t least = LeastHeight(pieces);
    const size_t height = Pack(&pieces);
    EXPECT_LE(height, least + least / 10) << "case " << i;
    if (height > least + PackingBound(pieces) / 100) ++higher;
  }
  EXPECT_LE(higher, 1) << "of 60";
}

}  // namespace
}  // namespace graph
