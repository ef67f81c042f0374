#include "backends/cpu/tensor_pieces.h"

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>
#include <vector>

#include "gtest/gtest.h"

namespace backends::cpu {
namespace {

using Seen = std::vector<std::tuple<int64_t, int, int64_t, int64_t>>;

// All pieces in order, and how many elements each thread had.
Seen Visit(const TensorPieces& pieces, std::vector<int64_t>* shares) {
  const int64_t serial_before = SetSerialElementsForTest(0);
  std::mutex mutex;
  std::set<std::tuple<int64_t, int, int64_t, int64_t>> all;
  std::map<std::thread::id, int64_t> elements;
  size_t calls = 0;
  pieces.ForEach([&](const TensorPieces::Piece& p) {
    const std::lock_guard<std::mutex> lock(mutex);
    all.emplace(p.index, p.tensor, p.begin, p.count);
    elements[std::this_thread::get_id()] += p.count;
    ++calls;
  });
  SetSerialElementsForTest(serial_before);
  EXPECT_EQ(calls, all.size());
  for (const auto& [thread, count] : elements) shares->push_back(count);
  return Seen(all.begin(), all.end());
}

TEST(TensorPieces, EachPieceOnceWhateverTheTeam) {
  const Seen wanted = {{0, 1, 0, 4}, {1, 1, 4, 1}, {2, 3, 0, 4}, {3, 3, 4, 4},
                       {4, 3, 8, 4}, {5, 4, 0, 1}, {6, 6, 0, 4}};
  for (int threads = 1; threads <= 9; ++threads) {
    const TensorPieces pieces({0, 5, 0, 12, 1, 0, 4, 0}, 4, threads);
    EXPECT_EQ(pieces.size(), 7);
    std::vector<int64_t> shares;
    EXPECT_EQ(Visit(pieces, &shares), wanted) << threads;
  }
}

TEST(TensorPieces, NothingAtAll) {
  for (int threads : {1, 3}) {
    std::vector<int64_t> shares;
    const TensorPieces none({}, 4, threads), empty({0, 0}, 4, threads);
    EXPECT_EQ(none.size() + empty.size(), 0);
    EXPECT_TRUE(Visit(none, &shares).empty());
    EXPECT_TRUE(Visit(empty, &shares).empty());
  }
}

// Small tensors and a large one: shares differ by less than a piece from even ones.
TEST(TensorPieces, SharesAreEven) {
  std::vector<int64_t> elements(100, 3);
  elements.push_back(1000);
  elements.insert(elements.end(), 50, 7);
  for (int threads : {2, 3, 4}) {
    std::vector<int64_t> shares;
    Visit(TensorPieces(elements, 16, threads), &shares);
    ASSERT_EQ(shares.size(), static_cast<size_t>(threads));
    for (int64_t share : shares) EXPECT_NEAR(share, 1650.0 / threads, 17) << threads;
  }
}

}  // namespace
}  // namespace backends::cpu
