// TensorBoard's files byte by byte. That TensorBoard itself reads them, and forgets what a
// restart repeats, is tests/peer/tensorboard_test.py.
#include "models/training/event_file.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "tests/models/training/read_events.h"

namespace models {
namespace {

namespace fs = std::filesystem;
using droppos_events::Event;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1700000000) + absl::Milliseconds(250);

std::string Contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Metric Scalar(const std::string& name, double value) { return {name, value}; }

class EventFile : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) / test->name();
    fs::create_directories(folder_);
  }

  EventFileWriter Writer(absl::Time now = kNow, int64_t first_step = 0) {
    auto writer = EventFileWriter::Create(folder_, now, first_step);
    EXPECT_TRUE(writer.ok()) << writer.status();
    return std::move(writer).value();
  }
  // All events of a file that is whole.
  static std::vector<Event> Events(const std::string& path) {
    const EventsRead read = ReadEvents(Contents(path));
    EXPECT_EQ(read.error, "");
    EXPECT_EQ(read.tail_bytes, 0u);
    return read.events;
  }
  std::string PngOf(int width, int height) {
    const std::string path = folder_ / "picture.png";
    EXPECT_TRUE(WritePng(path, Image::Sized(width, height)).ok());
    return path;
  }

  fs::path folder_;
};

TEST(Crc32c, KnownAnswersAndTheDefinition) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string bytes;
  for (int i = 0; i < 3000; ++i) bytes += static_cast<char>(i * i >> 3);
  for (const size_t size : {1, 7, 8, 63, 64, 65, 1023, 2999}) {
    const absl::string_view part = absl::string_view(bytes).substr(1, size);
    EXPECT_EQ(Crc32c(part), BitwiseCrc32c(part)) << size;
  }
}

TEST_F(EventFile, BytesOfTheFirstRecord) {
  const EventFileWriter writer = Writer(absl::FromUnixSeconds(1));
  // wall_time (field 1, a double) = 1, step 0 is the default, file_version (field 3, text).
  const std::string bytes = std::string("\x09\0\0\0\0\0\0\xf0\x3f\x1a\x0d", 11) + "brain.Event:2";
  const std::string file = Contents(writer.path());
  ASSERT_GE(file.size(), 8 + 4 + bytes.size() + 4);
  EXPECT_EQ(file.substr(0, 8), std::string("\x18\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(file.substr(12, bytes.size()), bytes);
  EXPECT_EQ(ReadEvents(file).error, "");
}

TEST_F(EventFile, NameSaysWhenAndWhere) {
  const EventFileWriter writer = Writer();
  EXPECT_THAT(fs::path(writer.path()).filename().string(),
              StartsWith("events.out.tfevents.1700000000."));
  EXPECT_EQ(fs::path(writer.path()).parent_path(), folder_);
}

TEST_F(EventFile, LaterFilesSortLast) {
  const std::string first = Writer().path();
  const std::string second = Writer().path();
  const std::string third = Writer(kNow - absl::Hours(24)).path();
  EXPECT_LT(first, second);
  EXPECT_LT(second, third) << "also where the clock was set back";
  std::ofstream(folder_ / "events.txt") << "another's";
  const std::vector<std::string> names = ListEventFiles(folder_);
  EXPECT_THAT(names, ElementsAre(fs::path(first).filename(), fs::path(second).filename(),
                                 fs::path(third).filename()));
  EXPECT_THAT(ListEventFiles(folder_ / "none"), IsEmpty());
  // Names that are not ours in all.
  std::ofstream(folder_ / "events.out.tfevents.x") << "";
  std::ofstream(folder_ / "events.out.tfevents.") << "";
  EXPECT_GT(Writer().path(), third);
}

TEST_F(EventFile, Scalars) {
  EventFileWriter writer = Writer();
  const double inf = std::numeric_limits<double>::infinity();
  ASSERT_TRUE(
      writer
          .AddScalars(
              7, kNow,
              {{"a/b", 0.1}, {"nan", std::nan("")}, {"big", 1e300}, {"low", -1e300}, {"inf", inf}})
          .ok());
  ASSERT_TRUE(writer.AddScalars(8, kNow, {}).ok());
  ASSERT_TRUE(writer.AddScalars(int64_t{1} << 40, kNow, {{"a/b", -2}}).ok());
  const std::vector<Event> events = Events(writer.path());
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[2].step(), 7);
  EXPECT_NEAR(events[2].wall_time(), 1700000000.25, 1e-6);
  const auto& values = events[2].summary().value();
  ASSERT_EQ(values.size(), 5);
  EXPECT_EQ(values[0].tag(), "a/b");
  EXPECT_EQ(values[0].simple_value(), 0.1f);
  EXPECT_TRUE(std::isnan(values[1].simple_value()));
  EXPECT_EQ(values[2].simple_value(), inf);
  EXPECT_EQ(values[3].simple_value(), -inf);
  EXPECT_EQ(values[4].simple_value(), inf);
  EXPECT_EQ(events[3].step(), int64_t{1} << 40);
}

TEST_F(EventFile, MetricsGetTheirGroups) {
  TrainMetrics train;
  train.step = 3;
  train.epoch = 0.5;
  train.loss = 4;
  train.model = {{"pos_acc1", 0.25}, {"loss_mae", 2}};
  train.lr = 0.125;
  train.grad_norm = 8;
  train.clipped = 2;
  train.timing = {{"seconds", 0.5}, {"images_per_s", 100}};
  EXPECT_THAT(EventScalars(train),
              ElementsAre(Scalar("train/loss", 4), Scalar("train/pos_acc1", 0.25),
                          Scalar("train/loss_mae", 2), Scalar("train/lr", 0.125),
                          Scalar("train/grad_norm", 8), Scalar("train/clipped", 2),
                          Scalar("train/skipped", 0), Scalar("train/epoch", 0.5),
                          Scalar("timing/seconds", 0.5), Scalar("timing/images_per_s", 100)));
  EvalMetrics eval;
  eval.step = 3;
  eval.values = {{"heldout_pos_acc1", 0.5}, {"knn_acc1", 0.75, Unit::kShare, 0.1}};
  eval.chance = 0.0625;
  eval.timing = {{"seconds", 9}};
  EXPECT_THAT(EventScalars(eval),
              ElementsAre(Scalar("heldout/pos_acc1", 0.5), Scalar("heldout/knn_acc1", 0.75),
                          Scalar("heldout/chance", 0.0625), Scalar("heldout/knn_acc1_chance", 0.1),
                          Scalar("timing/heldout_seconds", 9)));
  eval.chance = 0;
  EXPECT_THAT(EventScalars(eval), SizeIs(4));

  EventFileWriter writer = Writer();
  ASSERT_TRUE(writer.Add(train, kNow).ok());
  ASSERT_TRUE(writer.Add(eval, kNow).ok());
  const std::vector<Event> events = Events(writer.path());
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[2].step(), 3);
  EXPECT_EQ(events[2].summary().value_size(), 10);
  EXPECT_EQ(events[3].summary().value(0).tag(), "heldout/pos_acc1");
}

TEST_F(EventFile, EachFileSaysFromWhichStep) {
  for (const int64_t first_step : {0, 121}) {
    const std::vector<Event> events = Events(Writer(kNow, first_step).path());
    ASSERT_THAT(events, SizeIs(2));
    EXPECT_EQ(events[0].file_version(), "brain.Event:2");
    EXPECT_EQ(events[1].session_log().status(), droppos_events::SessionLog::START);
    EXPECT_EQ(events[1].step(), first_step);
  }
}

TEST_F(EventFile, FlagsAreATableAndTheStartOfASession) {
  EventFileWriter writer = Writer();
  ASSERT_TRUE(writer
                  .AddFlags(7, kNow,
                            {{"batch_size", "64"},
                             {"data_path", "a|b\xff"},
                             {"flip", "true"},
                             {"mean", "0.5,0.5,0.5"},
                             {"word", "nan"}})
                  .ok());
  ASSERT_TRUE(writer.AddSessionEnd(9, kNow).ok());
  const std::vector<Event> events = Events(writer.path());
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[2].step(), 7);
  ASSERT_EQ(events[2].summary().value_size(), 2);

  const auto& table = events[2].summary().value(0);
  EXPECT_EQ(table.tag(), "flags");
  EXPECT_EQ(table.metadata().plugin_data().plugin_name(), "text");
  EXPECT_EQ(table.metadata().data_class(), 2);
  EXPECT_EQ(table.tensor().dtype(), 7);
  EXPECT_EQ(table.tensor().tensor_shape().dim_size(), 0);
  ASSERT_EQ(table.tensor().string_val_size(), 1);
  EXPECT_EQ(table.tensor().string_val(0),
            "| flag | value |\n| --- | --- |\n"
            "| batch\\_size | 64 |\n"
            "| data\\_path | a\\|b\\\\xFF |\n"
            "| flip | true |\n"
            "| mean | 0.5,0.5,0.5 |\n"
            "| word | nan |\n");

  const auto plugin_data = [](const droppos_events::Summary::Value& value) {
    EXPECT_EQ(value.metadata().plugin_data().plugin_name(), "hparams");
    EXPECT_EQ(value.metadata().data_class(), 2);
    EXPECT_EQ(value.tensor().dtype(), 1);
    EXPECT_EQ(value.tensor().tensor_shape().dim(0).size(), 0);
    droppos_events::HParamsPluginData data;
    EXPECT_TRUE(data.ParseFromString(value.metadata().plugin_data().content()));
    EXPECT_EQ(data.version(), 0);
    return data;
  };
  EXPECT_EQ(events[2].summary().value(1).tag(), "_hparams_/session_start_info");
  const droppos_events::HParamsPluginData data = plugin_data(events[2].summary().value(1));
  const droppos_events::SessionStartInfo& start = data.session_start_info();
  EXPECT_NEAR(start.start_time_secs(), 1700000000.25, 1e-6);
  ASSERT_EQ(start.hparams_size(), 5);
  EXPECT_EQ(start.hparams(0).key(), "batch_size");
  EXPECT_EQ(start.hparams(0).value().number_value(), 64);
  EXPECT_EQ(start.hparams(1).value().string_value(), "a|b\\xFF") << "text is UTF-8";
  EXPECT_TRUE(start.hparams(2).value().bool_value());
  EXPECT_EQ(start.hparams(3).value().string_value(), "0.5,0.5,0.5");
  EXPECT_EQ(start.hparams(4).value().string_value(), "nan") << "no number of JSON";

  EXPECT_EQ(events[3].step(), 9);
  EXPECT_EQ(events[3].summary().value(0).tag(), "_hparams_/session_end_info");
  const droppos_events::HParamsPluginData end = plugin_data(events[3].summary().value(0));
  EXPECT_EQ(end.session_end_info().status(), 1);
  EXPECT_NEAR(end.session_end_info().end_time_secs(), 1700000000.25, 1e-6);
}

TEST_F(EventFile, Pictures) {
  EventFileWriter writer = Writer();
  const std::string path = PngOf(5, 3);
  ASSERT_TRUE(writer.AddImageFile(20, kNow, "positions", "two of <b>", path).ok());
  const std::vector<Event> events = Events(writer.path());
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[2].step(), 20);
  ASSERT_EQ(events[2].summary().value_size(), 1);
  EXPECT_EQ(events[2].summary().value(0).tag(), "positions");
  EXPECT_EQ(events[2].summary().value(0).metadata().summary_description(), "two of &lt;b\\>");
  EXPECT_EQ(events[2].summary().value(0).metadata().plugin_data().plugin_name(), "images");
  EXPECT_EQ(events[2].summary().value(0).metadata().data_class(), 3);
  const auto& tensor = events[2].summary().value(0).tensor();
  EXPECT_EQ(tensor.dtype(), 7);
  ASSERT_EQ(tensor.tensor_shape().dim_size(), 1);
  EXPECT_EQ(tensor.tensor_shape().dim(0).size(), 3);
  EXPECT_THAT(tensor.string_val(), ElementsAre("5", "3", Contents(path))) << "byte by byte";
}

TEST_F(EventFile, WhatIsNoPngIsRefused) {
  EventFileWriter writer = Writer();
  const std::string before = Contents(writer.path());
  const std::string good = Contents(PngOf(2, 2));
  std::string no_width = good, huge = good;
  no_width.replace(16, 4, 4, '\0');
  huge[20] = '\xff';
  for (const std::string& bad :
       {std::string(), std::string("text"), good.substr(0, 25), no_width, huge, "x" + good}) {
    EXPECT_EQ(writer.AddImage(1, kNow, "x", "", bad).code(), absl::StatusCode::kInvalidArgument);
  }
  std::ofstream(folder_ / "bad.png") << "text";
  const absl::Status bad = writer.AddImageFile(1, kNow, "x", "", folder_ / "bad.png");
  EXPECT_THAT(std::string(bad.message()), HasSubstr((folder_ / "bad.png").string()));
  const absl::Status none = writer.AddImageFile(1, kNow, "x", "", folder_ / "none.png");
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.message()), HasSubstr("none.png"));
  EXPECT_EQ(Contents(writer.path()), before);
}

TEST_F(EventFile, EachRecordIsInTheFileWhenTheCallReturns) {
  EventFileWriter writer = Writer();
  for (int step = 1; step <= 5; ++step) {
    ASSERT_TRUE(writer.AddScalars(step, kNow, {{"x", 1.0 * step}}).ok());
    ASSERT_THAT(Events(writer.path()), SizeIs(2 + step));
  }
  EXPECT_TRUE(writer.Flush().ok());
  EventFileWriter moved = std::move(writer);
  ASSERT_TRUE(moved.AddScalars(6, kNow, {{"x", 6}}).ok());
  EXPECT_THAT(Events(moved.path()), SizeIs(8));
}

// What a reader sees of a file whose disk lost its end, or whose bytes changed; and that the
// reader of this test can fail.
TEST_F(EventFile, TornAndChangedFilesShow) {
  EventFileWriter writer = Writer();
  const size_t first = Contents(writer.path()).size();
  ASSERT_TRUE(writer.AddScalars(1, kNow, {{"x", 1}}).ok());
  const std::string file = Contents(writer.path());
  for (size_t size = first; size < file.size(); ++size) {
    const EventsRead read = ReadEvents(file.substr(0, size));
    ASSERT_THAT(read.events, SizeIs(2)) << size;
    ASSERT_EQ(read.tail_bytes, size - first);
    ASSERT_EQ(read.error, "");
  }
  for (size_t at = 0; at < file.size(); ++at) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 0x10);
    ASSERT_NE(ReadEvents(changed).error, "") << at;
  }
}

TEST_F(EventFile, FoldersThatCannotBeWrittenAreNamed) {
  const auto missing = EventFileWriter::Create(folder_ / "none", kNow);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("cannot write " + (folder_ / "none/events.out.tfevents.").string()));
}

// A limit on file sizes stands for a disk that fills up in the middle of a record.
class SmallFiles {
 public:
  explicit SmallFiles(size_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &old_), 0);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small = {bytes, old_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~SmallFiles() {
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &old_), 0);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit old_;
  void (*handler_)(int);
};

TEST_F(EventFile, FullDiskLeavesWholeRecords) {
  EventFileWriter writer = Writer();
  ASSERT_TRUE(writer.AddScalars(1, kNow, {{"x", 1}}).ok());
  const std::string before = Contents(writer.path());
  for (const size_t more : {0, 1, 11, 12, 20}) {
    absl::Status status;
    {
      const SmallFiles small(before.size() + more);
      status = writer.AddScalars(2, kNow, {{"x", 2}});
    }
    ASSERT_FALSE(status.ok()) << more;
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + writer.path()));
    EXPECT_EQ(Contents(writer.path()), before) << more;
  }
  ASSERT_TRUE(writer.AddScalars(3, kNow, {{"x", 3}}).ok());
  EXPECT_EQ(Events(writer.path()).back().step(), 3);
}

TEST_F(EventFile, FullDiskAtTheStartLeavesNoFile) {
  absl::Status status;
  {
    const SmallFiles small(20);
    status = EventFileWriter::Create(folder_, kNow).status();
  }
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(ListEventFiles(folder_), IsEmpty());
}

}  // namespace
}  // namespace models
